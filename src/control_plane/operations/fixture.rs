//! For tests of operations: a store, calls to it as SDKs make them, and ids that can be foretold.

use std::cell::Cell;

use serde_json::Value;

use super::OPERATIONS;
use crate::control_plane::exception::Exception;
use crate::control_plane::operation::{self, Call, FakeTruststores, Random, Reply};
use crate::control_plane::store::Store;
use crate::meter::Meters;

pub struct Desk {
    pub store: Store,
    pub meters: Meters,
    random: Counting,
}

impl Default for Desk {
    fn default() -> Desk {
        let meters = Meters::in_memory(16).expect("a page is to be had");
        Desk { store: Store::default(), meters, random: Counting::default() }
    }
}

/// The bytes of one sequence, always the same.
#[derive(Default)]
struct Counting(Cell<u64>);

impl Random for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        for byte in buffer {
            let next = self.0.get() + 1;
            self.0.set(next);
            // Spread (the finalizer of splitmix64), so that ids differ from the first letter on, and there are enough.
            let mixed = next.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (mixed >> 56) as u8;
        }
    }
}

impl Desk {
    /// `target` is a path and maybe a query. What fails leaves the store as it was.
    pub fn try_call(&mut self, method: &str, target: &str, body: &[u8]) -> Result<(u16, Reply), Exception> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = operation::query_pairs(query)?;
        let (operation, path) = operation::find(OPERATIONS, method, path, &query)?;
        let call = new_call(path, query, body, &self.random, &self.meters);
        let mark = self.store.mark();
        let outcome = (operation.run)(&mut self.store, &call);
        if outcome.is_err() {
            self.store.undo_to(mark);
        }
        outcome.map(|reply| (operation.status, reply))
    }

    /// For tests of what operations share: a call with such a query, of no operation.
    pub fn with_call<T>(&mut self, query: &str, test: impl FnOnce(&mut Store, &Call<'_>) -> T) -> T {
        let query = operation::query_pairs(query).expect("a query");
        test(&mut self.store, &new_call(Vec::new(), query, b"", &self.random, &self.meters))
    }

    /// What a call answers that has to succeed; null where it has no body.
    #[track_caller]
    pub fn call(&mut self, method: &str, target: &str, body: Value) -> Value {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        match self.try_call(method, target, &bytes) {
            Ok((_, Reply::Json(value))) => value,
            Ok((_, Reply::Empty)) => Value::Null,
            Ok((_, other)) => panic!("{method} {target} answers {other:?}"),
            Err(exception) => panic!("{method} {target}: {exception}"),
        }
    }

    /// `NotFoundException: …`: why a call fails that has to.
    #[track_caller]
    pub fn refusal(&mut self, method: &str, target: &str, body: Value) -> String {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        match self.try_call(method, target, &bytes) {
            Ok((status, reply)) => panic!("{method} {target} answers {status} {reply:?}"),
            Err(exception) => exception.to_string(),
        }
    }

    /// `PATCH` with operations written as `replace /name value`, `remove /description`.
    #[track_caller]
    pub fn patch(&mut self, target: &str, operations: &[&str]) -> Value {
        let body = patch_body(operations);
        self.call("PATCH", target, body)
    }

    /// A new API; its id.
    #[track_caller]
    pub fn api(&mut self, name: &str) -> String {
        let api = self.call("POST", "/restapis", serde_json::json!({ "name": name }));
        api["id"].as_str().expect("an id").to_owned()
    }
}

fn new_call<'c>(
    path: operation::Parameters,
    query: Vec<(String, String)>,
    body: &'c [u8],
    random: &'c dyn Random,
    meters: &'c Meters,
) -> Call<'c> {
    // 2023-11-14, 22:13:20.
    let now_s = 1_700_000_000;
    Call {
        region: "us-east-1",
        account_id: "123456789012",
        path,
        query,
        accept: None,
        body,
        now_s,
        random,
        meters,
        truststores: &FakeTruststores,
    }
}

/// The body of a `PATCH`: see [`Desk::patch`].
pub fn patch_body(operations: &[&str]) -> Value {
    let operation = |text: &&str| {
        let mut words = text.splitn(3, ' ');
        let mut operation = serde_json::json!({ "op": words.next(), "path": words.next() });
        if let Some(value) = words.next() {
            let member = if text.starts_with("copy ") || text.starts_with("move ") { "from" } else { "value" };
            operation[member] = value.into();
        }
        operation
    };
    serde_json::json!({ "patchOperations": operations.iter().map(operation).collect::<Vec<_>>() })
}
