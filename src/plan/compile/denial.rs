//! Methods that answer 500 because their stage or their API asks for something that is not served.
//!
//! What a method itself asks for denies that method; what stands in a stage denies those methods that it would have had
//! an effect on at AWS, and no others.

use std::collections::HashMap;

use super::stage::{CLIENT_CERTIFICATE, MethodKey, TAKE_AWAY, UNSERVED_SETTINGS, UnservedSetting, WEB_ACL};
use super::{Compilation, Problem, Unsupported, ValueName};
use crate::model::{Integration, IntegrationType, MethodSetting, Pointer, Stage};

/// Everything outside of a method that denies it.
#[derive(Default)]
pub struct Denials {
    list: Vec<Denial>,
    /// Settings that methods have of their own, which go before those of `*/*`.
    own: HashMap<MethodKey, MethodSetting>,
}

struct Denial {
    problem: Problem,
    of: Concerned,
    /// Whether a method was denied for it.
    noted: bool,
}

/// The methods that something would have had an effect on.
enum Concerned {
    All,
    /// Those that make a request of their own.
    Http,
    One(MethodKey),
    /// Those without the same setting of their own.
    Others(&'static UnservedSetting),
}

impl Denials {
    /// What a stage's settings deny. Nothing where they are refused instead.
    pub fn of_stage(on_unsupported: Unsupported, stage: &Stage) -> Denials {
        let mut denials = Denials::default();
        match on_unsupported {
            Unsupported::Refuse => return denials,
            Unsupported::Deny => {}
        }
        let pointer = Pointer::stage(&stage.stage_name);
        if stage.web_acl_arn.is_some() {
            denials.push(of_stage(pointer.child("webAclArn"), WEB_ACL, TAKE_AWAY), Concerned::All);
        }
        if stage.client_certificate_id.is_some() {
            let pointer = pointer.child("clientCertificateId");
            denials.push(of_stage(pointer, CLIENT_CERTIFICATE, TAKE_AWAY), Concerned::Http);
        }
        for (key, setting) in &stage.method_settings {
            let Some(method) = MethodKey::parse(key) else { continue };
            let pointer = pointer.child("methodSettings").child(key);
            for unserved in UNSERVED_SETTINGS.iter().filter(|unserved| (unserved.asks)(setting)) {
                let of = match &method {
                    MethodKey::Every => Concerned::Others(unserved),
                    one @ MethodKey::One { .. } => Concerned::One(one.clone()),
                };
                denials.push(of_stage(pointer.child(unserved.member), unserved.message, unserved.help), of);
            }
            denials.own.insert(method, setting.clone());
        }
        denials
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What denies every method.
    pub fn push_for_all(&mut self, problem: Problem) {
        self.push(problem, Concerned::All);
    }

    fn push(&mut self, problem: Problem, of: Concerned) {
        self.list.push(Denial { problem, of, noted: false });
    }

    /// Why a method is denied; of each reason, the first method notes the problem.
    fn of_method(
        &mut self,
        path: &str,
        http_method: &str,
        integration: &Integration,
        noted: &mut Vec<Problem>,
    ) -> Vec<String> {
        if self.list.is_empty() {
            return Vec::new();
        }
        let method = MethodKey::One { path: path.to_owned(), http_method: http_method.to_owned() };
        let own = self.own.get(&method);
        let makes_requests = match integration.integration_type {
            IntegrationType::Http | IntegrationType::HttpProxy => true,
            IntegrationType::Aws | IntegrationType::AwsProxy | IntegrationType::Mock => false,
        };
        let mut reasons = Vec::new();
        for denial in &mut self.list {
            let concerned = match &denial.of {
                Concerned::All => true,
                Concerned::Http => makes_requests,
                Concerned::One(one) => *one == method,
                Concerned::Others(unserved) => !own.is_some_and(|own| (unserved.is_set)(own)),
            };
            if concerned {
                reasons.push(denial.problem.message.clone());
                if !std::mem::replace(&mut denial.noted, true) {
                    noted.push(denial.problem.clone());
                }
            }
        }
        reasons
    }
}

/// The stage is described beside its own deployment, not beside its canary's.
fn of_stage(pointer: Pointer, message: &str, help: &str) -> Problem {
    let value = ValueName::of(0, pointer);
    Problem { value, message: message.to_owned(), help: Some(help.to_owned()), related: None }
}

impl Compilation<'_> {
    /// Why a method is denied: for what was noted of itself from the position `own` on, and for what it is a part of.
    /// `None` where it is served.
    pub fn reason_of_denial(
        &mut self,
        path: &str,
        http_method: &str,
        integration: &Integration,
        own: usize,
    ) -> Option<Box<str>> {
        let mut reasons: Vec<String> = self.denied[own..].iter().map(|problem| problem.message.clone()).collect();
        reasons.extend(self.denials.of_method(path, http_method, integration, &mut self.denied));
        (!reasons.is_empty()).then(|| reasons.join("; ").into())
    }
}
