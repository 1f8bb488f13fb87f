//! How often a stage's methods may be called, whoever calls them. (Guide, `api-gateway-request-throttling`.)
//!
//! A stage's settings are those of each of its methods: `*/*` gives every method a bucket of its own, it does not make
//! them share one.

use crate::limit::Rate;

use super::MethodIndex;

/// The limits of a stage's methods.
#[derive(Clone, Debug, PartialEq)]
pub struct Throttles {
    /// By [`MethodIndex`].
    methods: Box<[Option<Rate>]>,
}

impl Throttles {
    /// `None` where no method has a limit.
    pub fn new(methods: Vec<Option<Rate>>) -> Option<Throttles> {
        methods.iter().any(Option::is_some).then(|| Throttles { methods: methods.into() })
    }

    pub fn of_method(&self, index: MethodIndex) -> Option<&Rate> {
        self.methods.get(index.0 as usize)?.as_ref()
    }
}
