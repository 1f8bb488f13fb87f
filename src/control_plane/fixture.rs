//! What the tests of this room share: small plans, and a fleet without shards.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::plan::delivery::{Delivery, Fleet};
use crate::plan::integration::{Integration, MockIntegration, Origin, PassthroughBehavior};
use crate::plan::{MethodPlan, Plan, StagePlan};

/// A plan with one stage; methods are written `GET /path`.
pub fn plan(generation: u64, methods: &[&str]) -> Arc<Plan> {
    Arc::new(plan_value(generation, methods, &[]))
}

pub fn plan_value(generation: u64, methods: &[&str], hosts: &[&str]) -> Plan {
    let stage = StagePlan {
        throttles: None,
        rules: Default::default(),
        method_arn_prefix: Default::default(),
        resource_policy: None,
        signs: false,
        authorizers: Default::default(),
        region: "us-east-1".into(),
        api_id: "abc123".into(),
        api_name: "Pet \"Store\"".into(),
        stage: "prod".into(),
        deployment_id: "dep001".into(),
        endpoint_type: None,
        release: Default::default(),
        variables: Vec::new(),
        routes: Default::default(),
        methods: methods.iter().map(|method| mock(method)).collect(),
        origins: hosts.iter().map(|host| Arc::new(origin(host))).collect(),
        protections: Default::default(),
        api_key_source: Default::default(),
        gateway_responses: Default::default(),
        access_log_format: None,
        binary_media_types: Default::default(),
        minimum_compression_size: None,
        cache: None,
    };
    Plan { generation, stages: vec![Arc::new(stage)], ..Plan::empty() }
}

fn mock(method: &str) -> MethodPlan {
    let (http_method, resource_path) = method.split_once(' ').expect("a test's method has a path");
    let mock = MockIntegration {
        statuses: Vec::new(),
        mapped: false,
        content_handling: None,
        passthrough: PassthroughBehavior::WhenNoMatch,
        responses: Vec::new(),
    };
    MethodPlan {
        validator: None,
        rules: Box::default(),
        cache: None,
        http_method: http_method.to_owned().into(),
        resource_path: resource_path.into(),
        resource_id: "res001".into(),
        api_key_required: false,
        authorization: Default::default(),
        integration: Integration::Mock(Box::new(mock)),
    }
}

pub fn origin(host: &str) -> Origin {
    Origin { tls: false, host: host.into(), port: 80, authority: host.into(), insecure_skip_verification: false }
}

/// Two shards that take every plan at once, unless they are told not to.
#[derive(Default)]
pub struct FakeFleet {
    pub deliveries: Mutex<Vec<String>>,
    pub adopted: AtomicU64,
    pub adopted_clients: AtomicU64,
    pub stuck: AtomicBool,
    pub connections: AtomicU64,
    /// Asked of both shards together.
    pub harvests: AtomicU64,
}

impl FakeFleet {
    /// What was delivered to shard 0, without harvests, which come as time goes.
    pub fn log(&self) -> Vec<String> {
        self.deliveries.lock().expect("no test panics in here").clone()
    }
}

impl Fleet for FakeFleet {
    fn shards(&self) -> usize {
        2
    }

    fn deliver(&self, shard: usize, delivery: Delivery) {
        if let Delivery::Plan(plan) = &delivery
            && !self.stuck.load(Ordering::Relaxed)
        {
            self.adopted.store(plan.generation, Ordering::Relaxed);
        }
        if let Delivery::Clients(clients) = &delivery
            && !self.stuck.load(Ordering::Relaxed)
        {
            self.adopted_clients.store(clients.revision, Ordering::Relaxed);
        }
        let text = match delivery {
            Delivery::Plan(plan) => format!("plan {}", plan.generation),
            Delivery::Clients(clients) => format!("clients {}", clients.revision),
            Delivery::Addresses(book) => format!("addresses {}", book.len()),
            Delivery::Health(unhealthy) => format!("health {}", unhealthy.len()),
            Delivery::AwsCredentials(credentials) => {
                format!("credentials {:?}", credentials.expires_at().map(|at| at.seconds()))
            }
            Delivery::Callers(callers) => format!("callers {}", callers.identities.len()),
            Delivery::KeySets(sets) => format!("key sets {}", sets.revision),
            Delivery::FlushCache(flush) => {
                flush.note_done();
                format!("flush {}/{}", flush.api_id, flush.stage)
            }
            Delivery::FlushAuthorizers(flush) => {
                flush.note_done();
                format!("flush authorizers {}/{}", flush.api_id, flush.stage)
            }
            Delivery::Harvest => {
                self.harvests.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Delivery::Drain => "drain".to_owned(),
        };
        if shard == 0 {
            self.deliveries.lock().expect("no test panics in here").push(text);
        }
    }

    fn adopted(&self, _shard: usize) -> u64 {
        self.adopted.load(Ordering::Relaxed)
    }

    fn adopted_clients(&self, _shard: usize) -> u64 {
        self.adopted_clients.load(Ordering::Relaxed)
    }

    fn connections(&self, _shard: usize) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}
