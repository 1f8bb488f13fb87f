//! What methods do: ask an HTTP origin ([`http`], and [`passing`] its answer on), invoke a function ([`lambda`]), or answer
//! from the plan ([`mock`]). Requests to AWS's services are [`signed`].
//! What protects an origin stands in between: [`protected`], with its [`mirror`].
//! Where templates need whole bodies, [`mapped`] collects and maps them; [`inputs`] is what a template can ask for.

pub mod http;
mod inputs;
pub mod lambda;
pub mod mapped;
mod mirror;
pub mod mock;
mod passing;
mod protected;
mod signed;
