//! What is counted: [`Tally`] is one worker's interval, [`series`] the intervals of a run, [`process`] what the kernel
//! knows of a process.

pub mod failure;
pub mod process;
pub mod series;
pub mod tally;

pub use failure::Failure;
pub use tally::Tally;
