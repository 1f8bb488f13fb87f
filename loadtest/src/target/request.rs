//! A request, ready to be sent.

use super::Check;
use super::template::Template;

#[derive(Debug)]
pub struct Request {
    /// `GET /pets/{petId}` or a name from a file: what reports call it. Several requests may share a name.
    pub name: String,
    pub rendering: Rendering,
    /// A HEAD request's answer has no body, whatever its head says.
    pub head: bool,
    pub check: Check,
}

/// The request's bytes on the wire, HTTP/1.1.
#[derive(Debug)]
pub enum Rendering {
    /// No variables: sent as it is, from here, by all workers at once.
    Fixed(Box<[u8]>),
    Template(Template),
}
