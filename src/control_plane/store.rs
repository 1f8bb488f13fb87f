//! All that the management API knows, as rows: the only writable copy of the model, in memory.
//!
//! A call changes rows and may then be undone as a whole; what a batch of calls has changed is written to disk in one
//! transaction before anybody hears of success.
//!
//! - [`table`]: rows of one kind, with a journal.
//! - [`snapshot`]: an API's definition, as rows and packed.
//! - [`disk`]: the rows on disk; [`backup`]: the rows as lines of text.

pub mod backup;
pub mod disk;
pub mod snapshot;
pub mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::{
    Account, ApiKey, ApiKeyId, Authorizer, BasePathMapping, ClientCertificate, Deployment, DeploymentId,
    DocumentationPart, DocumentationVersion, DomainName, DomainNameAccessAssociation, GatewayResponse, Model,
    RequestValidator, Resource, RestApi, Stage, UsagePlan, UsagePlanKey, VpcLink,
};
use table::Table;

macro_rules! tables {
    ($($(#[$documentation:meta])* $name:ident: $row:ty,)*) => {
        #[derive(Clone, Debug, Default)]
        pub struct Store {
            $($(#[$documentation])* pub $name: Table<$row>,)*
        }

        /// A place in the history of a [`Store`], to go back to.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct Mark {
            $($name: usize,)*
        }

        impl Store {
            /// The names of the tables, as they are on disk.
            pub const TABLES: &'static [&'static str] = &[$(stringify!($name)),*];

            pub fn mark(&self) -> Mark {
                Mark { $($name: self.$name.mark(),)* }
            }

            pub fn undo_to(&mut self, mark: Mark) {
                $(self.$name.undo_to(mark.$name);)*
            }

            /// What is to be written: every row that changed since it was last settled.
            ///
            /// # Errors
            /// A row cannot be written as JSON.
            pub fn changes(&self) -> Result<Vec<Change>, String> {
                let mut changes = Vec::new();
                $(changes_of(stringify!($name), &self.$name, &mut changes)?;)*
                Ok(changes)
            }

            /// Whether anything changed since `mark`.
            pub fn changed_since(&self, mark: Mark) -> bool {
                $(self.$name.mark() > mark.$name)||*
            }

            /// Removes every row.
            pub fn clear(&mut self) {
                $(self.$name.remove_below(&[]);)*
            }

            /// Makes every table what it is in the other store; that can be undone, and is written, as any change.
            pub fn replace_by(&mut self, other: &Store) {
                $(self.$name.replace_by(&other.$name);)*
            }

            /// Every row with its table's name and its key.
            ///
            /// # Errors
            /// A row cannot be written as JSON, or `take` does not want more.
            pub fn visit(&self, take: &mut Visitor<'_>) -> Result<(), String> {
                $(visit(stringify!($name), &self.$name, take)?;)*
                Ok(())
            }

            /// Forgets how to undo: what changed has been written, or need not be.
            pub fn settle(&mut self) {
                $(self.$name.settle();)*
            }

            /// Takes the rows of another that was loaded beside this one.
            pub fn absorb(&mut self, other: Store) {
                $(self.$name.absorb(other.$name);)*
            }

            /// Takes a row from disk.
            ///
            /// # Errors
            /// The table is not known, or its row cannot be read.
            pub fn load(&mut self, table: &str, key: &str, row: &[u8]) -> Result<(), String> {
                match table {
                    $(stringify!($name) => self.$name.load(key, read(table, key, row)?),)*
                    _ => return Err(format!("there is no table `{table}`")),
                }
                Ok(())
            }
        }
    };
}

tables! {
    /// By region.
    accounts: Account,
    /// By region and API.
    rest_apis: RestApi,
    /// By region, API and resource.
    resources: Resource,
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
    /// By region and key.
    api_keys: ApiKey,
    /// By region and the key's value: which key has it.
    api_key_values: ApiKeyId,
    /// By region, the key's name and key: how keys are found by the beginning of a name.
    api_key_names: (),
    /// By region, the customer and key: which keys a customer has.
    api_key_customers: (),
    /// By region and plan.
    usage_plans: UsagePlan,
    /// By region, plan and key.
    usage_plan_keys: UsagePlanKey,
    /// By region, key and plan: which plans a key is in.
    api_key_plans: (),
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

    /// Each API key that changed since `mark`, or whose plans did, by its key in the table, with the row that it had.
    pub fn api_keys_changed_since(&self, mark: Mark) -> BTreeMap<&str, Option<&Arc<ApiKey>>> {
        let mut changed = BTreeMap::new();
        for (key, before) in self.api_keys.replaced_since(mark.api_keys) {
            changed.entry(key).or_insert(before);
        }
        for (key, _) in self.api_key_plans.replaced_since(mark.api_key_plans) {
            let of_key = table::parent(key);
            changed.entry(of_key).or_insert_with(|| self.api_keys.at(of_key));
        }
        changed
    }

    /// Whether usage plans changed, other than by their keys.
    pub fn usage_plans_changed_since(&self, mark: Mark) -> bool {
        self.usage_plans.mark() > mark.usage_plans
    }

    /// Each plan whose quota changed since `mark`, and each key of a plan that came or was granted something.
    pub fn quotas_changed_since(&self, mark: Mark) -> Vec<QuotaChange<'_>> {
        let mut seen = BTreeSet::new();
        let plans = self.usage_plans.replaced_since(mark.usage_plans).filter(|(key, _)| seen.insert(*key));
        let quota = |plan: Option<&Arc<UsagePlan>>| plan.and_then(|plan| plan.quota);
        let of_plans = plans.filter(|(key, before)| quota(*before) != quota(self.usage_plans.at(key)));
        let mut changes: Vec<_> = of_plans.map(|(key, _)| QuotaChange::OfPlan(key)).collect();
        let memberships = self.usage_plan_keys.replaced_since(mark.usage_plan_keys);
        changes.extend(memberships.map(|(key, _)| QuotaChange::OfMembership(key)));
        changes
    }

    /// Whether custom domain names or their mappings changed.
    pub fn domains_changed_since(&self, mark: Mark) -> bool {
        self.domain_names.mark() > mark.domain_names || self.base_path_mappings.mark() > mark.base_path_mappings
    }
}

/// Whose quota changed: a key of `usage_plans` or `usage_plan_keys`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaChange<'s> {
    OfPlan(&'s str),
    OfMembership(&'s str),
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub table: &'static str,
    pub key: Box<str>,
    /// JSON; `None`: the row is gone.
    pub row: Option<Vec<u8>>,
}

/// Takes a table's name, a row's key and the row as JSON.
pub type Visitor<'v> = dyn FnMut(&'static str, &str, &[u8]) -> Result<(), String> + 'v;

fn changes_of<V: Clone + Serialize>(
    name: &'static str,
    table: &Table<V>,
    changes: &mut Vec<Change>,
) -> Result<(), String> {
    for (key, row) in table.changed_since(0) {
        let row = row.map(|row| json(name, &**row)).transpose()?;
        changes.push(Change { table: name, key: key.into(), row });
    }
    Ok(())
}

fn visit<V: Clone + Serialize>(name: &'static str, table: &Table<V>, take: &mut Visitor<'_>) -> Result<(), String> {
    table.below(&[]).try_for_each(|(key, row)| take(name, key, &json(name, &**row)?))
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
        let changes = store.changes().expect("rows are JSON");
        assert_eq!(changes.len(), 2);
        assert_eq!((&*changes[1].key, changes[1].row.as_deref()), ("r\0b", None));
        let mut loaded = Store::default();
        let row = changes[0].row.as_deref().expect("it is there");
        loaded.load(changes[0].table, &changes[0].key, row).expect("it is as it was written");
        assert_eq!(loaded.rest_apis.row(&["r", "a"]).map(|api| api.name.as_str()), Some("two"));
        assert_eq!(loaded.changes(), Ok(Vec::new()));
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

    #[test]
    fn a_row_that_cannot_be_read_is_named() {
        let error = Store::default().load("stages", "r\0a\0prod", b"[").expect_err("it is no JSON");
        assert!(error.starts_with("the row r/a/prod of `stages` cannot be read"), "{error}");
        assert!(Store::default().load("stags", "x", b"{}").is_err());
    }
}
