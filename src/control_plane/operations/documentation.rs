//! Documentation parts and versions. (Guide, `api-gateway-documenting-api`.)
//!
//! - [`parts`]: what is said of the parts of an API; [`location`]: which part one is about.
//! - [`import`]: parts from an OpenAPI document.
//! - [`versions`]: the parts as they were at a time.

mod import;
mod location;
mod parts;
mod versions;

pub use import::import_documentation_parts;
pub use parts::{
    create_documentation_part, delete_documentation_part, get_documentation_part, get_documentation_parts,
    update_documentation_part,
};
pub use versions::{
    create_documentation_version, delete_documentation_version, get_documentation_version, get_documentation_versions,
    update_documentation_version,
};

#[cfg(test)]
mod tests;
