//! When requests are due. Pure: every time is a number of nanoseconds since the run's start.
//!
//! [`find_max`] is the search for the highest rate.

pub mod find_max;

/// How requests are spread over time.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// Each connection sends its next request when it has an answer, as fast as it goes.
    Closed,
    /// Requests are due at moments of their own, whether or not earlier ones were answered.
    Open {
        arrivals: Arrivals,
        /// One after the other; together they are the run.
        phases: Vec<Phase>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrivals {
    /// At equal distances.
    Even,
    /// At random, independently of each other, as from many users: a Poisson process.
    Poisson,
}

/// A span with a rate that goes from one value to another in a straight line; `from == to` is a constant rate or a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phase {
    pub seconds: f64,
    /// Requests a second, all workers together.
    pub from: f64,
    pub to: f64,
}
