use std::collections::BTreeMap;
use std::sync::Mutex;

use super::memberships::Metered;
use super::*;
use crate::model::{ApiKey, ApiKeyId, RestApiId, UsagePlanId, UsagePlanKey};
use crate::plan::clients::{KeyRefusal, MembershipIndex};

/// Notes what becomes of memberships.
#[derive(Clone)]
struct Noted(Arc<Mutex<(Metered, BTreeMap<u32, MembershipIdentity>)>>);

impl Default for Noted {
    fn default() -> Noted {
        Noted(Arc::new(Mutex::new((Metered::in_memory(), BTreeMap::new()))))
    }
}

impl MembershipIndices for Noted {
    fn index(&mut self, identity: MembershipIdentity) -> Result<MembershipIndex, AllocateError> {
        let (meters, held) = &mut *self.0.lock().expect("no test panics in here");
        let index = meters.index(identity)?;
        let holder = held.insert(index.0, identity);
        assert!(holder.is_none_or(|holder| holder == identity), "a number is given to one");
        Ok(index)
    }

    fn retire(&mut self, identity: MembershipIdentity, index: MembershipIndex) -> bool {
        let (meters, held) = &mut *self.0.lock().expect("no test panics in here");
        let was_there = meters.retire(identity, index);
        assert_eq!(held.remove(&index.0), was_there.then_some(identity), "what is retired was held");
        was_there
    }

    fn free(&mut self, index: MembershipIndex) {
        self.0.lock().expect("no test panics in here").0.free(index);
    }
}

impl Noted {
    fn held(&self) -> usize {
        self.0.lock().expect("no test panics in here").1.len()
    }
}

fn value(id: &str) -> String {
    format!("the value of the key {id}")
}

fn put_key(store: &mut Store, id: &str, value: &str, enabled: bool) {
    let key = ApiKey { id: ApiKeyId(id.into()), value: value.into(), enabled, ..ApiKey::default() };
    store.api_keys.put(&["r", id], key);
}

fn put_plan(store: &mut Store, id: &str, stages: &[&str]) {
    let stage =
        |stage: &&str| ApiStage { api_id: RestApiId("a".into()), stage: (*stage).to_owned(), ..ApiStage::default() };
    let api_stages = stages.iter().map(stage).collect();
    store.usage_plans.put(&["r", id], UsagePlan { id: UsagePlanId(id.into()), api_stages, ..UsagePlan::default() });
}

fn attach(store: &mut Store, plan: &str, key: &str) {
    store.usage_plan_keys.put(&["r", plan, key], UsagePlanKey::default());
}

fn detach(store: &mut Store, plan: &str, key: &str) {
    store.usage_plan_keys.remove(&["r", plan, key]);
}

struct Desk {
    store: Store,
    follower: ClientsFollower,
    noted: Noted,
}

impl Desk {
    fn new() -> Desk {
        let noted = Noted::default();
        let follower = ClientsFollower::new(Secret::new([1; 16]), Box::new(noted.clone()));
        Desk { store: Store::default(), follower, noted }
    }

    /// A call that changes something and is written.
    #[track_caller]
    fn change(&mut self, change: impl FnOnce(&mut Store)) {
        assert!(self.follow(change));
        self.settle();
        let loaded = self.reloaded();
        for id in ["1", "2", "3", "4"] {
            for stage in ["prod", "dev"] {
                let [followed, loaded] = [&*self.follower.clients, &loaded].map(|clients| call(clients, id, stage));
                assert_eq!(followed.map(|_| ()), loaded.map(|_| ()), "what is followed is what would be loaded");
            }
        }
    }

    fn follow(&mut self, change: impl FnOnce(&mut Store)) -> bool {
        let mark = self.store.mark();
        change(&mut self.store);
        self.follower.follow(&self.store, mark).expect("there is room")
    }

    fn settle(&mut self) {
        self.store.settle();
        self.follower.settle(&self.store);
    }

    fn reloaded(&self) -> Clients {
        let mut other = ClientsFollower::new(Secret::new([2; 16]), Box::new(Metered::in_memory()));
        other.load(&self.store);
        (*other.clients).clone()
    }

    #[track_caller]
    fn check(&self, id: &str, stage: &str, expected: Result<(), KeyRefusal>) {
        assert_eq!(call(&self.follower.clients, id, stage).map(|_| ()), expected, "{id} {stage}");
    }

    fn number(&self, id: &str, stage: &str) -> Option<u32> {
        call(&self.follower.clients, id, stage).ok()
    }
}

/// The number of the membership by which the key may call.
fn call(clients: &Clients, id: &str, stage: &str) -> Result<u32, KeyRefusal> {
    let stage = clients.of_stage("r", "a", stage);
    clients.caller(&stage, value(id).as_bytes()).map(|caller| {
        assert_eq!(caller.key_id.as_str(), id);
        caller.membership.index.0
    })
}

const UNKNOWN: Result<(), KeyRefusal> = Err(KeyRefusal::Unknown);
const NO_PLAN: Result<(), KeyRefusal> = Err(KeyRefusal::NoPlan);
const DISABLED: Result<(), KeyRefusal> = Err(KeyRefusal::Disabled);

#[test]
fn a_key_is_followed_from_its_creation_to_its_end() {
    let mut desk = Desk::new();
    desk.check("1", "prod", UNKNOWN);
    desk.change(|store| put_key(store, "1", &value("1"), true));
    desk.check("1", "prod", NO_PLAN);
    desk.change(|store| put_plan(store, "p", &["prod"]));
    desk.check("1", "prod", NO_PLAN);
    desk.change(|store| attach(store, "p", "1"));
    desk.check("1", "prod", Ok(()));
    desk.check("1", "dev", NO_PLAN);
    desk.change(|store| put_key(store, "1", &value("1"), false));
    desk.check("1", "prod", DISABLED);
    desk.change(|store| put_key(store, "1", &value("1"), true));
    desk.change(|store| put_plan(store, "p", &["dev"]));
    desk.check("1", "prod", NO_PLAN);
    desk.check("1", "dev", Ok(()));
    desk.change(|store| detach(store, "p", "1"));
    desk.check("1", "dev", NO_PLAN);
    assert_eq!(desk.noted.held(), 0);
    desk.change(|store| drop(store.api_keys.remove(&["r", "1"])));
    desk.check("1", "dev", UNKNOWN);
    assert_eq!(desk.follower.clients.keys(), 0);
}

#[test]
fn what_does_not_concern_keys_changes_nothing() {
    let mut desk = Desk::new();
    desk.change(|store| put_key(store, "1", &value("1"), true));
    let revision = desk.follower.clients.revision;
    assert!(!desk.follow(|store| store.stages.put(&["r", "a", "prod"], crate::model::Stage::default())));
    assert_eq!(desk.follower.clients.revision, revision);
}

#[test]
fn a_membership_keeps_its_number_and_a_new_one_gets_another() {
    let mut desk = Desk::new();
    desk.change(|store| {
        put_plan(store, "p", &["prod"]);
        put_plan(store, "q", &["dev"]);
        put_key(store, "1", &value("1"), true);
        put_key(store, "2", &value("2"), true);
        attach(store, "p", "1");
        attach(store, "q", "1");
        attach(store, "p", "2");
    });
    let first = [desk.number("1", "prod"), desk.number("1", "dev"), desk.number("2", "prod")];
    desk.change(|store| {
        put_key(store, "1", &value("1"), true);
        put_key(store, "3", &value("3"), true);
        attach(store, "p", "3");
        detach(store, "p", "2");
    });
    assert_eq!([desk.number("1", "prod"), desk.number("1", "dev")], first[..2]);
    assert_eq!(desk.noted.held(), 3);
    desk.follower.load(&desk.store);
    desk.settle();
    assert_eq!([desk.number("1", "prod"), desk.number("1", "dev")], first[..2]);
    // Its value is another's now: the key is the same.
    desk.change(|store| put_key(store, "1", &value("9"), true));
    let found = desk.follower.clients.caller(&desk.follower.clients.of_stage("r", "a", "prod"), value("9").as_bytes());
    assert_eq!(found.ok().map(|caller| caller.membership.index.0), first[0]);
}

#[test]
fn a_value_passes_from_one_key_to_another() {
    let mut desk = Desk::new();
    desk.change(|store| put_key(store, "2", &value("1"), true));
    desk.change(|store| {
        put_plan(store, "p", &["prod"]);
        store.api_keys.remove(&["r", "2"]);
        put_key(store, "1", &value("1"), true);
        attach(store, "p", "1");
    });
    desk.check("1", "prod", Ok(()));
    assert_eq!(desk.follower.clients.keys(), 1);
}

#[test]
fn a_plan_that_takes_anothers_place_takes_none_of_its_keys() {
    let mut desk = Desk::new();
    desk.change(|store| {
        put_plan(store, "p", &[]);
        put_key(store, "1", &value("1"), true);
        attach(store, "p", "1");
    });
    desk.change(|store| {
        store.usage_plans.remove(&["r", "p"]);
        detach(store, "p", "1");
    });
    desk.change(|store| put_plan(store, "q", &["prod"]));
    desk.check("1", "prod", NO_PLAN);
    desk.change(|store| attach(store, "q", "1"));
    desk.check("1", "prod", Ok(()));
    // Both in one change.
    desk.change(|store| {
        store.usage_plans.remove(&["r", "q"]);
        detach(store, "q", "1");
        put_plan(store, "s", &["prod"]);
    });
    desk.check("1", "prod", NO_PLAN);
    assert_eq!(desk.noted.held(), 0);
}

#[test]
fn what_was_not_written_is_taken_back() {
    let mut desk = Desk::new();
    desk.change(|store| {
        put_plan(store, "p", &["prod"]);
        put_key(store, "1", &value("1"), true);
        put_key(store, "2", &value("2"), true);
        attach(store, "p", "1");
    });
    let number = desk.number("1", "prod");
    assert!(desk.follow(|store| {
        detach(store, "p", "1");
        attach(store, "p", "2");
        put_plan(store, "q", &["dev"]);
        attach(store, "q", "2");
    }));
    desk.store.undo_to(Mark::default());
    desk.follower.go_back(&desk.store);
    desk.settle();
    desk.check("1", "prod", Ok(()));
    desk.check("2", "prod", NO_PLAN);
    assert!(number.is_some());
    // Nothing to take back: nothing is read again.
    let revision = desk.follower.clients.revision;
    desk.follower.go_back(&desk.store);
    assert_eq!(desk.follower.clients.revision, revision);
}

#[test]
fn a_key_that_leaves_and_comes_back_in_one_batch_keeps_its_number() {
    let mut desk = Desk::new();
    desk.change(|store| {
        put_plan(store, "p", &["prod"]);
        put_key(store, "1", &value("1"), true);
        attach(store, "p", "1");
    });
    assert!(desk.follow(|store| detach(store, "p", "1")));
    assert!(desk.follow(|store| attach(store, "p", "1")));
    desk.settle();
    desk.check("1", "prod", Ok(()));
    assert_eq!(desk.noted.held(), 1);
}

#[test]
fn a_number_is_anothers_once_every_shard_has_heard_of_its_end() {
    let mut desk = Desk::new();
    desk.change(|store| {
        put_plan(store, "p", &["prod"]);
        for id in ["1", "2", "3"] {
            put_key(store, id, &value(id), true);
        }
        attach(store, "p", "1");
    });
    let number = desk.number("1", "prod");
    desk.change(|store| detach(store, "p", "1"));
    let without = desk.follower.clients.revision;
    desk.follower.adopted(without - 1);
    desk.change(|store| attach(store, "p", "2"));
    assert_ne!(desk.number("2", "prod"), number);
    desk.follower.adopted(without);
    desk.change(|store| attach(store, "p", "3"));
    assert_eq!(desk.number("3", "prod"), number);
}

#[test]
fn what_was_begun_and_ended_before_a_write_failed_is_given_back() {
    let mut desk = Desk::new();
    desk.change(|store| {
        put_plan(store, "p", &["prod"]);
        put_key(store, "1", &value("1"), true);
    });
    assert!(desk.follow(|store| attach(store, "p", "1")));
    assert!(desk.follow(|store| detach(store, "p", "1")));
    desk.store.undo_to(Mark::default());
    desk.follower.go_back(&desk.store);
    desk.settle();
    assert_eq!(desk.noted.held(), 0);
}

#[test]
fn everything_may_be_replaced_by_another_store() {
    let mut desk = Desk::new();
    desk.change(|store| {
        put_plan(store, "p", &["prod"]);
        put_plan(store, "q", &["dev"]);
        for id in ["1", "2", "3"] {
            put_key(store, id, &value(id), true);
            attach(store, "p", id);
        }
        attach(store, "q", "1");
    });
    let number = desk.number("2", "prod");
    let mut other = Store::default();
    put_plan(&mut other, "p", &["prod"]);
    put_key(&mut other, "2", &value("2"), true);
    attach(&mut other, "p", "2");
    other.settle();
    desk.store.replace_by(&other);
    desk.follower.load(&desk.store);
    desk.settle();
    assert_eq!((desk.number("2", "prod"), desk.noted.held()), (number, 1));
    desk.check("1", "prod", UNKNOWN);
}
