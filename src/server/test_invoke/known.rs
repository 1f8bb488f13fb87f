//! What the shards that serve know beside their plan, for the shard of a test.

use std::sync::{Arc, Mutex, PoisonError};

use crate::plan::aws_credentials::AwsCredentials;
use crate::plan::delivery::{Callers, Delivery};
use crate::plan::key_sets::KeySets;

/// The keys of issuers that deployed APIs name, the credentials that requests to AWS are signed with, and whom the settings
/// know.
#[derive(Default)]
pub struct Known(Mutex<Latest>);

#[derive(Default)]
struct Latest {
    key_sets: Option<Arc<KeySets>>,
    credentials: Option<Arc<AwsCredentials>>,
    callers: Option<Arc<Callers>>,
}

impl Known {
    /// Of what shards are told.
    pub fn note_key_sets(&self, key_sets: &Arc<KeySets>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).key_sets = Some(Arc::clone(key_sets));
    }

    /// The same.
    pub fn note_credentials(&self, credentials: &Arc<AwsCredentials>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).credentials = Some(Arc::clone(credentials));
    }

    /// The same.
    pub fn note_callers(&self, callers: &Arc<Callers>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).callers = Some(Arc::clone(callers));
    }

    pub fn deliveries(&self) -> Vec<Delivery> {
        let latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key_sets = latest.key_sets.iter().map(|sets| Delivery::KeySets(Arc::clone(sets)));
        let credentials = latest.credentials.iter().map(|one| Delivery::AwsCredentials(Arc::clone(one)));
        let callers = latest.callers.iter().map(|callers| Delivery::Callers(Arc::clone(callers)));
        key_sets.chain(credentials).chain(callers).collect()
    }
}
