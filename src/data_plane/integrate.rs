//! What methods do: ask an HTTP origin ([`http`], and [`passing`] its answer on), or answer from the plan ([`mock`]).
//! What protects an origin stands in between: [`protected`], with its [`mirror`].
//! Where templates need whole bodies, [`mapped`] collects and maps them; [`inputs`] is what a template can ask for.

pub mod http;
mod inputs;
pub mod mapped;
mod mirror;
pub mod mock;
mod passing;
mod protected;
