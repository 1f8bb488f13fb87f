//! All that the management API knows, as rows: the only writable copy of the model, in memory.
//!
//! A call changes rows and may then be undone as a whole; what a batch of calls has changed is written to disk in one
//! transaction before anybody hears of success.
//!
//! - [`table`]: rows of one kind, with a journal; [`packed_table`]: the same for a million of them, in a [`packed`] map.
//! - [`api_keys`], [`usage_plan_keys`]: the rows that are packed, and what else finds them.
//! - [`snapshot`]: an API's definition, as rows and packed.
//! - [`disk`]: the rows on disk; [`backup`]: the rows as lines of text.

pub mod api_keys;
pub mod backup;
pub mod disk;
pub mod packed;
pub mod packed_table;
pub mod snapshot;
pub mod table;
pub mod usage_plan_keys;

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::{
    Account, ApiKey, Authorizer, BasePathMapping, ClientCertificate, Deployment, DeploymentId, DocumentationPart,
    DocumentationVersion, DomainName, DomainNameAccessAssociation, GatewayResponse, Model, RequestValidator, Resource,
    RestApi, Stage, UsagePlan, UsagePlanKey, VpcLink,
};
use packed_table::{Changed, PackedTable};
use table::{Kept, Keyed, Table};

macro_rules! tables {
    (
        plain { $($(#[$documentation:meta])* $name:ident: $row:ty $(= $table:expr)?,)* }
        packed { $($(#[$packed_documentation:meta])* $packed:ident: $packed_row:ty,)* }
    ) => {
        #[derive(Clone, Debug)]
        pub struct Store {
            $($(#[$documentation])* pub $name: Table<$row>,)*
            $($(#[$packed_documentation])* pub $packed: PackedTable<$packed_row>,)*
        }

        impl Default for Store {
            fn default() -> Store {
                let mut store =
                    Store { $($name: Table::default(),)* $($packed: PackedTable::default(),)* };
                $($(store.$name = $table;)?)*
                store
            }
        }

        /// A place in the history of a [`Store`], to go back to.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct Mark {
            $($name: usize,)*
            $($packed: usize,)*
        }

        impl Store {
            /// The names of the tables of which there may be a million rows.
            pub const PACKED: &'static [&'static str] = &[$(stringify!($packed)),*];

            pub fn mark(&self) -> Mark {
                Mark { $($name: self.$name.mark(),)* $($packed: self.$packed.mark(),)* }
            }

            pub fn undo_to(&mut self, mark: Mark) {
                $(self.$name.undo_to(mark.$name);)*
                $(self.$packed.undo_to(mark.$packed);)*
            }

            /// Gives what is to be written: every row that changed since it was last settled.
            ///
            /// # Errors
            /// A row cannot be written as JSON, or `take` does not want more.
            pub fn visit_changes(&self, take: &mut ChangeVisitor<'_>) -> Result<(), String> {
                $(visit_changes(stringify!($name), &self.$name, take)?;)*
                $(visit_changes(stringify!($packed), &self.$packed, take)?;)*
                Ok(())
            }

            /// Whether anything changed since `mark`.
            pub fn changed_since(&self, mark: Mark) -> bool {
                $(self.$name.mark() > mark.$name ||)* $(self.$packed.mark() > mark.$packed)||*
            }

            /// How many changes were made since it was last settled.
            pub fn changes(&self) -> usize {
                [$(self.$name.mark(),)* $(self.$packed.mark()),*].into_iter().sum()
            }

            /// Removes every row.
            pub fn clear(&mut self) {
                $(self.$name.remove_below(&[]);)*
                $(self.$packed.remove_below(&[]);)*
            }

            /// Makes every table what it is in the other store; that can be undone, and is written, as any change.
            pub fn replace_by(&mut self, other: &Store) {
                $(self.$name.replace_by(&other.$name);)*
                $(self.$packed.replace_by(&other.$packed);)*
            }

            /// Every row with its table's name and its key.
            ///
            /// # Errors
            /// A row cannot be written as JSON, or `take` does not want more.
            pub fn visit(&self, take: &mut Visitor<'_>) -> Result<(), String> {
                $(visit_kept(stringify!($name), &self.$name, take)?;)*
                $(visit(stringify!($packed), &self.$packed, take)?;)*
                Ok(())
            }

            /// Forgets how to undo: what changed has been written, or need not be.
            pub fn settle(&mut self) {
                $(self.$name.settle();)*
                $(self.$packed.settle();)*
            }
        }

        /// A store in the making: rows from disk or from a backup, which are no changes.
        #[derive(Debug, Default)]
        pub struct Loading {
            store: Store,
            $($packed: packed_table::Loading<$packed_row>,)*
        }

        impl Loading {
            /// Takes a row. Those of a table that is in [`Store::PACKED`] cost least in the order of their keys.
            ///
            /// # Errors
            /// The table is not known, or its row cannot be read.
            pub fn load(&mut self, table: &str, key: &str, row: &[u8]) -> Result<(), String> {
                match table {
                    $(stringify!($name) => self.store.$name.load(key, read(table, key, row)?, row),)*
                    $(stringify!($packed) => self.$packed.load(key, &read(table, key, row)?),)*
                    _ if FORMER_TABLES.contains(&table) => {}
                    _ => return Err(format!("there is no table `{table}`")),
                }
                Ok(())
            }

            /// Takes the rows of another; of a packed table, those that have none here.
            fn absorb(&mut self, other: Loading) {
                $(self.store.$name.absorb(other.store.$name);)*
                $(self.$packed.absorb(other.$packed);)*
            }

            /// The store of these, and of the rows of others that were loaded beside it, other ones each.
            pub fn finish(mut self, others: impl IntoIterator<Item = Loading>) -> Store {
                others.into_iter().for_each(|other| self.absorb(other));
                Store { $($packed: self.$packed.finish(),)* ..self.store }
            }
        }
    };
}

/// What there was in stores and backups of format 1: indices, which are made of the rows now.
pub const FORMER_TABLES: [&str; 4] = ["api_key_names", "api_key_customers", "api_key_plans", "api_key_values"];

tables! {
    plain {
        /// By region.
        accounts: Account,
        /// By region and API.
        rest_apis: RestApi,
        /// By region, API and resource.
        resources: Resource = Table::packed(),
        /// By region, API and authorizer.
        authorizers: Authorizer,
        /// By region, API and validator.
        request_validators: RequestValidator,
        /// By region, API and the model's name.
        models: Model,
        /// By region, API and response type: those that were set.
        gateway_responses: GatewayResponse,
        /// By region, API and part.
        documentation_parts: DocumentationPart,
        /// By region, API and version.
        documentation_versions: DocumentationVersion,
        /// By region, API and deployment.
        deployments: Deployment,
        /// By region, API and stage.
        stages: Stage,
        /// By region and plan.
        usage_plans: UsagePlan,
        /// By region, plan, key and day (`2026-11-25`): how many requests were made.
        usage: u64,
        /// By region and name; a private one by name and id: `name+id`.
        domain_names: DomainName,
        /// By region, domain name (as in `domain_names`) and base path.
        base_path_mappings: BasePathMapping,
        /// By region and ARN.
        domain_name_access_associations: DomainNameAccessAssociation,
        /// By region and link.
        vpc_links: VpcLink,
        /// By region and certificate.
        client_certificates: ClientCertificate,
        /// By region, API and stage: where the stage pointed before.
        stage_histories: StageHistory,
        /// By region and API: of APIs that `serve FILE` describes, what the file brought.
        documents: ServedDocument,
    }
    packed {
        /// By region and key.
        api_keys: ApiKey,
        /// By region, plan and key.
        usage_plan_keys: UsagePlanKey,
    }
}

impl Store {
    /// Each stage that changed since `mark`, with its row if it is still there.
    pub fn stages_changed_since(&self, mark: Mark) -> impl Iterator<Item = (&str, Option<&Stage>)> {
        self.stages.changed_since(mark.stages).map(|(key, row)| (key, row.map(|row| &**row)))
    }

    /// Notes of each stage that moved to another deployment since `mark` which one it left.
    pub fn note_moves(&mut self, mark: Mark, now_s: i64) {
        let mut moved = Vec::new();
        for (key, row) in self.stages_changed_since(mark) {
            let left = self.stages.before(mark.stages, key).and_then(|before| before.deployment_id.clone());
            let parts = [table::part(key, 0), table::part(key, 1), table::part(key, 2)].map(str::to_owned);
            match (left, row) {
                (Some(left), Some(row)) if row.deployment_id.as_ref() != Some(&left) => moved.push((parts, Some(left))),
                (_, None) => moved.push((parts, None)),
                (None | Some(_), Some(_)) => {}
            }
        }
        for (parts, left) in moved {
            let parts = parts.each_ref().map(String::as_str);
            match left {
                None => drop(self.stage_histories.remove(&parts)),
                Some(deployment_id) => {
                    let mut history = self.stage_histories.row(&parts).cloned().unwrap_or_default();
                    history.earlier.insert(0, EarlierDeployment { deployment_id, until: now_s });
                    history.earlier.truncate(EARLIER_MAX);
                    self.stage_histories.put(&parts, history);
                }
            }
        }
    }

    /// Each API key that changed since `mark`, as it was then and as it is now. Its key is the region and the id.
    pub fn api_keys_changed_since(&self, mark: Mark) -> impl Iterator<Item = Changed<ApiKey>> {
        self.api_keys.changed_since(mark.api_keys)
    }

    /// Each key of a usage plan that came or went since `mark`, or was granted something. Its key is the region, the plan
    /// and the key.
    pub fn usage_plan_keys_changed_since(&self, mark: Mark) -> impl Iterator<Item = Changed<UsagePlanKey>> {
        self.usage_plan_keys.changed_since(mark.usage_plan_keys)
    }

    /// Each usage plan that changed since `mark`, by region and id, with its row if it is still there.
    pub fn usage_plans_changed_since(&self, mark: Mark) -> impl Iterator<Item = (&str, Option<&UsagePlan>)> {
        self.usage_plans.changed_since(mark.usage_plans).map(|(key, row)| (key, row.map(|row| &**row)))
    }

    /// Each plan whose quota changed since `mark`, and each key of a plan that came or was granted something.
    pub fn quotas_changed_since(&self, mark: Mark) -> Vec<QuotaChange> {
        let quota = |plan: Option<&Arc<UsagePlan>>| plan.and_then(|plan| plan.quota);
        let plans = self.usage_plans.changed_since(mark.usage_plans);
        let of_plans = plans.filter(|(key, now)| quota(self.usage_plans.before(mark.usage_plans, key)) != quota(*now));
        let mut changes: Vec<_> = of_plans.map(|(key, _)| QuotaChange::OfPlan(key.into())).collect();
        let memberships = self.usage_plan_keys_changed_since(mark);
        changes.extend(memberships.map(|changed| QuotaChange::OfMembership(changed.key)));
        changes
    }

    /// Whether custom domain names or their mappings changed.
    pub fn domains_changed_since(&self, mark: Mark) -> bool {
        self.domain_names.mark() > mark.domain_names || self.base_path_mappings.mark() > mark.base_path_mappings
    }
}

/// Whose quota changed: a key of `usage_plans` or `usage_plan_keys`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuotaChange {
    OfPlan(Box<str>),
    OfMembership(Box<str>),
}

/// What a stage pointed to before, the latest first: where `tollgate rollback` goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageHistory {
    pub earlier: Vec<EarlierDeployment>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EarlierDeployment {
    pub deployment_id: DeploymentId,
    /// When the stage left it, in seconds since 1970.
    pub until: i64,
}

/// How far back a stage's history goes.
const EARLIER_MAX: usize = 20;

/// The stages of an API that are there because a document has them: those that it has no more go with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedDocument {
    pub stages: Vec<String>,
}

/// A row that changed, as it goes to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'c> {
    pub table: &'static str,
    pub key: &'c str,
    /// JSON; `None`: the row is gone.
    pub row: Option<&'c [u8]>,
}

pub type ChangeVisitor<'v> = dyn FnMut(Change<'_>) -> Result<(), String> + 'v;

/// Takes a table's name, a row's key and the row as JSON.
pub type Visitor<'v> = dyn FnMut(&'static str, &str, &[u8]) -> Result<(), String> + 'v;

fn visit_changes<T: Keyed<Row: Serialize>>(
    name: &'static str,
    table: &T,
    take: &mut ChangeVisitor<'_>,
) -> Result<(), String> {
    table.each_change(&mut |key, row| {
        let row = row.map(|row| json(name, row)).transpose()?;
        take(Change { table: name, key, row: row.as_deref() })
    })
}

/// Of plain tables, whose rows may be there as JSON already.
fn visit_kept<V: Clone + Serialize>(
    name: &'static str,
    table: &Table<V>,
    take: &mut Visitor<'_>,
) -> Result<(), String> {
    table.kept().try_for_each(|(key, row)| match row {
        Kept::Packed(json) => take(name, key, json),
        Kept::Open(row) => take(name, key, &json(name, row)?),
    })
}

fn visit<T: Keyed<Row: Serialize>>(name: &'static str, table: &T, take: &mut Visitor<'_>) -> Result<(), String> {
    table.each(&mut |key, row| take(name, key, &json(name, row)?))
}

fn json(table: &str, row: &impl Serialize) -> Result<Vec<u8>, String> {
    serde_json::to_vec(row).map_err(|error| format!("cannot write a row of `{table}`: {error}"))
}

fn read<V: DeserializeOwned>(table: &str, key: &str, row: &[u8]) -> Result<V, String> {
    serde_json::from_slice(row)
        .map_err(|error| format!("the row {} of `{table}` cannot be read: {error}", key.replace('\0', "/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_written_once_and_read_again() {
        let mut store = Store::default();
        let api = RestApi { name: "one".into(), ..RestApi::default() };
        store.rest_apis.put(&["r", "a"], api.clone());
        store.rest_apis.put(&["r", "a"], RestApi { name: "two".into(), ..api.clone() });
        store.rest_apis.put(&["r", "b"], api);
        store.rest_apis.remove(&["r", "b"]);
        store.api_keys.put(&["r", "k"], ApiKey { value: "secret".into(), ..ApiKey::default() });
        let mut loading = Loading::default();
        let mut changed = Vec::new();
        let visited = store.visit_changes(&mut |change| {
            changed.push(change.key.replace('\0', "/"));
            change.row.map_or(Ok(()), |row| loading.load(change.table, change.key, row))
        });
        assert_eq!((visited, changed), (Ok(()), vec!["r/a".into(), "r/b".into(), "r/k".into()]));
        let loaded = loading.finish([]);
        assert_eq!(loaded.rest_apis.below(&[]).map(|(_, api)| &*api.name).collect::<Vec<_>>(), ["two"]);
        assert_eq!(loaded.api_keys.with_value("r", "secret"), store.api_keys.row(&["r", "k"]));
        assert!(!loaded.changed_since(Mark::default()));
    }

    #[test]
    fn a_stage_that_moves_leaves_a_trace() {
        let mut store = Store::default();
        let parts = ["r", "a", "prod"];
        for id in ["one", "two", "two", "three"] {
            let mark = store.mark();
            let deployment_id = Some(DeploymentId(id.into()));
            store.stages.put(&parts, Stage { deployment_id, ..Stage::default() });
            store.note_moves(mark, 7);
            store.settle();
        }
        let earlier = &store.stage_histories.row(&parts).expect("it has moved").earlier;
        assert_eq!(earlier.iter().map(|one| one.deployment_id.as_str()).collect::<Vec<_>>(), ["two", "one"]);
        let mark = store.mark();
        store.stages.remove(&parts);
        store.note_moves(mark, 8);
        assert_eq!(store.stage_histories.row(&parts), None);
    }

    /// 1,000,000 keys in 110 MB: those of `benches/keys.rs`, of which many more share the beginning of their ids.
    #[test]
    fn a_key_with_a_name_and_a_plan_takes_few_bytes() {
        const KEYS: usize = 10_000;
        /// How many ids of ten letters there are.
        const SPACE: u64 = 1 << 50;
        let id = |number: u64| -> String {
            let letters = b"23456789abcdefghijkmnpqrstuvwxyz";
            (0..10).rev().map(|position| char::from(letters[(number >> (5 * position) & 31) as usize])).collect()
        };
        let mut loading = Loading::default();
        for number in 0..KEYS {
            let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            // In order, as they are on disk.
            let id = id(SPACE / KEYS as u64 * number as u64 + mixed % (SPACE / KEYS as u64));
            let value = format!("{mixed:016x}{:016x}{:08x}", mixed.swap_bytes(), mixed >> 7 & 0xffff_ffff);
            let row = format!(
                r#"{{"id":"{id}","value":"{value}","name":"customer-{mixed:07}","enabled":true,"createdDate":1764108780,
                "lastUpdatedDate":1764108780,"stageKeys":[]}}"#,
                mixed = mixed % 10_000_000
            );
            loading.load("api_keys", &format!("us-east-1\0{id}"), row.as_bytes()).expect("a row");
            let row = format!(r#"{{"id":"{id}","type":"API_KEY"}}"#);
            loading.load("usage_plan_keys", &format!("us-east-1\0gold01\0{id}"), row.as_bytes()).expect("a row");
        }
        let store = loading.finish([]);
        let parts = [store.api_keys.bytes() / KEYS, store.usage_plan_keys.bytes() / KEYS];
        assert!(parts.iter().sum::<usize>() < 110, "{parts:?} bytes a key");
    }

    #[test]
    fn a_row_that_cannot_be_read_is_named() {
        let error = Loading::default().load("stages", "r\0a\0prod", b"[").expect_err("it is no JSON");
        assert!(error.starts_with("the row r/a/prod of `stages` cannot be read"), "{error}");
        assert!(Loading::default().load("stags", "x", b"{}").is_err());
    }
}
