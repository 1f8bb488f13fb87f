//! What methods do: ask an HTTP origin ([`http`], and [`passing`] its answer on), or answer from the plan ([`mock`]).

pub mod http;
pub mod mock;
mod passing;
