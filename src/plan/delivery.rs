//! How plans and what belongs to them reach the shards, and what the control thread may ask of the shards.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Plan;
use super::aws_credentials::AwsCredentials;
use super::clients::Clients;
use super::identity::Identities;
use super::integration::Origin;
use super::key_sets::KeySets;
use super::passwords::Passwords;
use super::protection::HealthCheck;
use crate::policy::Policy;

/// The addresses of every origin's host name, by name. Names that did not resolve have an empty list.
pub type AddressBook = HashMap<Box<str>, Arc<[IpAddr]>>;

/// A target with the way in which its health is checked. Two protections with the same of both share the checks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HealthTarget {
    pub origin: Arc<Origin>,
    pub check: Arc<HealthCheck>,
}

/// The targets that are to get no requests for the time being.
pub type Unhealthy = HashSet<HealthTarget>;

/// Whom the settings know, beside any API.
#[derive(Debug)]
pub struct Callers {
    /// Who may sign requests.
    pub identities: Arc<Identities<Policy>>,
    /// Of those who may call methods with a `basic` authorizer.
    pub passwords: Passwords,
}

/// A message to a shard. Taking one cannot fail: whatever could be wrong with it was found before it was sent.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// Serve this plan from the next request on; exchanges in flight finish on theirs.
    Plan(Arc<Plan>),
    /// Take API keys and usage plans from here, from the next request on.
    Clients(Arc<Clients>),
    /// Believe these callers, from the next request on.
    Callers(Arc<Callers>),
    /// New addresses; connections to addresses that are gone end when idle.
    Addresses(Arc<AddressBook>),
    /// What health checks have found.
    Health(Arc<Unhealthy>),
    /// Sign requests to AWS's services with these from now on.
    AwsCredentials(Arc<AwsCredentials>),
    /// Verify tokens with these keys, from the next request on.
    KeySets(Arc<KeySets>),
    /// Forget the answers that a stage has kept.
    FlushCache(Arc<CacheFlush>),
    /// Forget what a stage's authorizers have decided.
    FlushAuthorizers(Arc<CacheFlush>),
    /// Hand over what the access log has buffered, and the latency histograms.
    Harvest,
    /// Stop accepting, finish what is in flight, close connections as they fall idle.
    Drain,
}

/// A stage's cache of answers or of decisions to be emptied, and how many shards have done it.
#[derive(Debug)]
pub struct CacheFlush {
    pub api_id: Arc<str>,
    pub stage: Arc<str>,
    done: AtomicUsize,
}

impl CacheFlush {
    pub fn new(api_id: &str, stage: &str) -> CacheFlush {
        CacheFlush { api_id: api_id.into(), stage: stage.into(), done: AtomicUsize::new(0) }
    }

    /// A shard has forgotten them.
    pub fn note_done(&self) {
        self.done.fetch_add(1, Ordering::Release);
    }

    pub fn shards_done(&self) -> usize {
        self.done.load(Ordering::Acquire)
    }
}

/// The shards as the control thread sees them.
pub trait Fleet: Send + Sync {
    fn shards(&self) -> usize;
    fn deliver(&self, shard: usize, delivery: Delivery);
    /// The generation of the plan that a shard serves; 0 before its first.
    fn adopted(&self, shard: usize) -> u64;
    /// The revision of the clients that a shard knows; 0 before its first.
    fn adopted_clients(&self, shard: usize) -> u64;
    /// Client connections open on a shard.
    fn connections(&self, shard: usize) -> u64;

    fn deliver_to_all(&self, delivery: &Delivery) {
        for shard in 0..self.shards() {
            self.deliver(shard, delivery.clone());
        }
    }
}
