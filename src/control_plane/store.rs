//! All that the management API knows, as rows: the only writable copy of the model, in memory.
//!
//! A call changes rows and may then be undone as a whole; what a batch of calls has changed is written to disk in one
//! transaction before anybody hears of success.
//!
//! - [`table`]: rows of one kind, with a journal.
//! - [`snapshot`]: an API's definition, as rows and packed.
//! - [`disk`]: the rows on disk.

pub mod disk;
pub mod snapshot;
pub mod table;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::{
    Account, ApiKey, ApiKeyId, Authorizer, BasePathMapping, ClientCertificate, Deployment, DocumentationPart,
    DocumentationVersion, DomainName, DomainNameAccessAssociation, GatewayResponse, Model, RequestValidator, Resource,
    RestApi, Stage, UsagePlan, UsagePlanKey, VpcLink,
};
use table::Table;

macro_rules! tables {
    ($($(#[$documentation:meta])* $name:ident: $row:ty,)*) => {
        #[derive(Debug, Default)]
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
    /// By region and plan.
    usage_plans: UsagePlan,
    /// By region, plan and key.
    usage_plan_keys: UsagePlanKey,
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
}

/// A row that changed, as it goes to disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub table: &'static str,
    pub key: Box<str>,
    /// JSON; `None`: the row is gone.
    pub row: Option<Vec<u8>>,
}

fn changes_of<V: Clone + Serialize>(
    name: &'static str,
    table: &Table<V>,
    changes: &mut Vec<Change>,
) -> Result<(), String> {
    for (key, row) in table.changed_since(0) {
        let row = row.map(|row| serde_json::to_vec(&**row)).transpose();
        let row = row.map_err(|error| format!("cannot write a row of `{name}`: {error}"))?;
        changes.push(Change { table: name, key: key.into(), row });
    }
    Ok(())
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
    fn a_row_that_cannot_be_read_is_named() {
        let error = Store::default().load("stages", "r\0a\0prod", b"[").expect_err("it is no JSON");
        assert!(error.starts_with("the row r/a/prod of `stages` cannot be read"), "{error}");
        assert!(Store::default().load("stags", "x", b"{}").is_err());
    }
}
