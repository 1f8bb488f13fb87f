//! The part of Lambda's control API that tools need to make functions:
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html>.

use std::rc::Rc;

use serde_json::{Value, json};

use super::error::Exception;
use super::shape::{self, Configuration, CreateFunction, UpdateFunctionCode};
use super::{Answer, parameter};
use crate::function::control;
use crate::function::definition::Definition;
use crate::function::host::Shared;
use crate::function::name::{self, LATEST, Reference, arn};
use crate::function::pool::{Function, Live};

/// What is asked for; `function` is a name or an ARN.
#[derive(Clone, Copy, Debug)]
pub enum Operation<'a> {
    Create,
    List,
    Get { function: &'a str },
    GetConfiguration { function: &'a str },
    UpdateCode { function: &'a str },
    UpdateConfiguration { function: &'a str },
    Delete { function: &'a str },
    ListVersions { function: &'a str },
    GetConcurrency { function: &'a str },
    PutConcurrency { function: &'a str },
    DeleteConcurrency { function: &'a str },
    AddPermission { function: &'a str },
    RemovePermission { function: &'a str, statement: &'a str },
    GetPolicy { function: &'a str },
    ListTags { function: &'a str },
    Tag { function: &'a str },
    Untag { function: &'a str },
}

/// The most functions of a page, and the default.
const PAGE_MAX: usize = 50;

/// The most statements of a policy.
const STATEMENTS_MAX: usize = 200;

const TAGS_MAX: usize = 50;

impl<'a> Operation<'a> {
    pub fn find(method: &str, parts: &[&'a str]) -> Option<Operation<'a>> {
        Some(match (method, parts) {
            ("POST", ["2015-03-31", "functions"]) => Operation::Create,
            ("GET", ["2015-03-31", "functions"]) => Operation::List,
            ("GET", ["2015-03-31", "functions", function]) => Operation::Get { function },
            ("DELETE", ["2015-03-31", "functions", function]) => Operation::Delete { function },
            ("GET", ["2015-03-31", "functions", function, "configuration"]) => Operation::GetConfiguration { function },
            ("PUT", ["2015-03-31", "functions", function, "configuration"]) => {
                Operation::UpdateConfiguration { function }
            }
            ("PUT", ["2015-03-31", "functions", function, "code"]) => Operation::UpdateCode { function },
            ("GET", ["2015-03-31", "functions", function, "versions"]) => Operation::ListVersions { function },
            ("GET", ["2019-09-30", "functions", function, "concurrency"]) => Operation::GetConcurrency { function },
            ("PUT", ["2017-10-31", "functions", function, "concurrency"]) => Operation::PutConcurrency { function },
            ("DELETE", ["2017-10-31", "functions", function, "concurrency"]) => {
                Operation::DeleteConcurrency { function }
            }
            ("POST", ["2015-03-31", "functions", function, "policy"]) => Operation::AddPermission { function },
            ("GET", ["2015-03-31", "functions", function, "policy"]) => Operation::GetPolicy { function },
            ("DELETE", ["2015-03-31", "functions", function, "policy", statement]) => {
                Operation::RemovePermission { function, statement }
            }
            ("GET", ["2017-03-31", "tags", function]) => Operation::ListTags { function },
            ("POST", ["2017-03-31", "tags", function]) => Operation::Tag { function },
            ("DELETE", ["2017-03-31", "tags", function]) => Operation::Untag { function },
            _ => return None,
        })
    }

    pub fn writes(&self) -> bool {
        match self {
            Operation::List
            | Operation::Get { .. }
            | Operation::GetConfiguration { .. }
            | Operation::ListVersions { .. }
            | Operation::GetConcurrency { .. }
            | Operation::GetPolicy { .. }
            | Operation::ListTags { .. } => false,
            Operation::Create
            | Operation::UpdateCode { .. }
            | Operation::UpdateConfiguration { .. }
            | Operation::Delete { .. }
            | Operation::PutConcurrency { .. }
            | Operation::DeleteConcurrency { .. }
            | Operation::AddPermission { .. }
            | Operation::RemovePermission { .. }
            | Operation::Tag { .. }
            | Operation::Untag { .. } => true,
        }
    }
}

pub async fn run(host: &Rc<Shared>, operation: Operation<'_>, query: &str, body: &[u8]) -> Result<Answer, Exception> {
    match operation {
        Operation::Create => create(host, body).await,
        Operation::List => list(host, query),
        Operation::Get { function } => Ok(Answer::ok(get(&*find(host, function, query)?))),
        Operation::GetConfiguration { function } => {
            Ok(Answer::ok(shape::configuration(&find(host, function, query)?.live())))
        }
        Operation::UpdateCode { function } => update_code(host, &find(host, function, query)?, body).await,
        Operation::UpdateConfiguration { function } => {
            let request: Configuration = shape::parse(body)?;
            request.check()?;
            let function = find(host, function, query)?;
            let live = change(host, &function, |live| {
                check_revision(live, request.revision_id.as_deref())?;
                let definition = request.apply(live.definition.clone())?;
                Ok(Live { policy: live.policy.clone(), ..host.live(definition, live.code.clone()) })
            });
            live.await.map(|live| Answer::ok(shape::configuration(&live)))
        }
        Operation::Delete { function } => delete(host, &find(host, function, query)?).await,
        Operation::ListVersions { function } => {
            let live = find(host, function, query)?.live();
            Ok(Answer::ok(json!({ "Versions": [shape::configuration(&live)] })))
        }
        Operation::GetConcurrency { function } => {
            let live = find(host, function, query)?.live();
            Ok(Answer::ok(concurrency(live.definition.reserved_concurrency)))
        }
        Operation::PutConcurrency { function } => {
            let request: Value = shape::parse(body)?;
            let wrong = || Exception::invalid_parameter("ReservedConcurrentExecutions: write a whole number");
            let most = request.get("ReservedConcurrentExecutions").and_then(Value::as_u64).ok_or_else(wrong)?;
            let most = u32::try_from(most).map_err(|_| wrong())?;
            reserve(host, &find(host, function, query)?, Some(most)).await?;
            Ok(Answer::ok(concurrency(Some(most))))
        }
        Operation::DeleteConcurrency { function } => {
            reserve(host, &find(host, function, query)?, None).await.map(|_| Answer::nothing())
        }
        Operation::AddPermission { function } => add_permission(host, &find(host, function, query)?, body).await,
        Operation::RemovePermission { function, statement } => {
            let function = find(host, function, query)?;
            let missing =
                || Exception::nothing_there(format!("Statement {statement} is not found in resource policy."));
            let removed = change(host, &function, |live| {
                let mut policy = live.policy.clone();
                let at = policy.iter().position(|(id, _)| id == statement).ok_or_else(missing)?;
                policy.remove(at);
                Ok(Live { policy, ..live.clone() })
            });
            removed.await.map(|_| Answer::nothing())
        }
        Operation::GetPolicy { function } => {
            let live = find(host, function, query)?.live();
            if live.policy.is_empty() {
                return Err(Exception::nothing_there("The resource you requested does not exist."));
            }
            Ok(Answer::ok(json!({ "Policy": policy(&live).to_string(), "RevisionId": live.revision_id })))
        }
        Operation::ListTags { function } => {
            Ok(Answer::ok(json!({ "Tags": find(host, function, "")?.live().definition.tags })))
        }
        Operation::Tag { function } => tag(host, &find(host, function, "")?, body).await,
        Operation::Untag { function } => {
            let keys: Vec<&str> = query.split('&').filter_map(|pair| pair.strip_prefix("tagKeys=")).collect();
            let keys: Vec<String> = keys.into_iter().filter_map(|key| parameter(&format!("k={key}"), "k")).collect();
            let function = find(host, function, "")?;
            let changed = retag(host, &function, |definition| definition.tags.retain(|key, _| !keys.contains(key)));
            changed.await.map(|_| Answer::nothing())
        }
    }
}

fn find(host: &Shared, name: &str, query: &str) -> Result<Rc<Function>, Exception> {
    let wrong = || Exception::invalid_parameter(format!("{name:?} is no name of a function"));
    let reference = Reference::parse(name).ok_or_else(wrong)?;
    let parameter = parameter(query, "Qualifier");
    let qualifier = reference.qualifier.or(parameter.as_deref());
    let function = host.function(reference.name).filter(|function| function.live().definition.has(qualifier));
    function.ok_or_else(|| {
        let arn = arn(&host.settings.region, &host.settings.account_id, reference.name);
        let qualifier = qualifier.map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
        Exception::not_found(&format!("{arn}{qualifier}"))
    })
}

async fn create(host: &Rc<Shared>, body: &[u8]) -> Result<Answer, Exception> {
    let mut request: CreateFunction = shape::parse(body)?;
    let configuration = request.configuration()?;
    configuration.check()?;
    if request.package_type.as_deref().is_some_and(|kind| kind != "Zip") {
        return Err(Exception::invalid_parameter("PackageType: only Zip is supported by this host"));
    }
    shape::check_architectures(request.architectures.as_deref())?;
    let reference = Reference::parse(&request.function_name).filter(|reference| reference.qualifier.is_none());
    let name = reference.map(|reference| reference.name).filter(|name| name::is_name(name));
    let wrong = || Exception::invalid_parameter(format!("{:?} is no name of a function", request.function_name));
    let name = name.ok_or_else(wrong)?;
    if request.tags.len() > TAGS_MAX {
        return Err(Exception::invalid_parameter(format!("a function has {TAGS_MAX} tags at most")));
    }
    let definition = Definition { tags: request.tags.clone(), ..configuration.definition(name)? };
    let code = &request.code;
    let zip =
        shape::zip(code.zip_file.as_deref(), code.s3_bucket.as_deref(), code.image_uri.as_deref(), request.publish)?;
    let _turn = host.changes.lock().await;
    if host.function(name).is_some() {
        return Err(Exception::conflict(format!("Function already exist: {name}")));
    }
    let (zip, code) = control::unpack(host, zip).await.map_err(Exception::invalid_parameter)?;
    let live = host.live(definition, code);
    control::keep(host, &live, Some(zip)).await.map_err(Exception::service)?;
    match host.insert(live) {
        Ok(function) => Ok(Answer::created(shape::configuration(&function.live()))),
        Err(refused) => {
            // What is refused is not there after the next start either.
            if let Err(reason) = control::forget(host, name).await {
                tracing::error!("{name}, which was refused, stays on the disk: {reason}");
            }
            host.has_old_code.set(true);
            Err(Exception::invalid_parameter(refused))
        }
    }
}

fn list(host: &Shared, query: &str) -> Result<Answer, Exception> {
    let most = match parameter(query, "MaxItems") {
        None => PAGE_MAX,
        Some(text) => {
            let most: usize = text.parse().map_err(|_| Exception::invalid_parameter("MaxItems is no number"))?;
            most.clamp(1, PAGE_MAX)
        }
    };
    let marker = parameter(query, "Marker").unwrap_or_default();
    let mut functions: Vec<_> = host.functions().iter().map(|function| function.live()).collect();
    functions.retain(|live| live.definition.name > marker);
    let more = functions.len() > most;
    functions.truncate(most);
    let mut answer =
        json!({ "Functions": functions.iter().map(|live| shape::configuration(live)).collect::<Vec<_>>() });
    if let Some(last) = functions.last().filter(|_| more) {
        answer["NextMarker"] = last.definition.name.as_str().into();
    }
    Ok(Answer::ok(answer))
}

fn get(function: &Function) -> Value {
    let live = function.live();
    let mut answer = json!({
        "Configuration": shape::configuration(&live),
        "Code": { "RepositoryType": "File", "Location": format!("file://{}", live.code.root.display()) },
    });
    if !live.definition.tags.is_empty() {
        answer["Tags"] = json!(live.definition.tags);
    }
    if let Some(most) = live.definition.reserved_concurrency {
        answer["Concurrency"] = concurrency(Some(most));
    }
    answer
}

async fn update_code(host: &Rc<Shared>, function: &Rc<Function>, body: &[u8]) -> Result<Answer, Exception> {
    let request: UpdateFunctionCode = shape::parse(body)?;
    shape::check_architectures(request.architectures.as_deref())?;
    let UpdateFunctionCode { zip_file, s3_bucket, image_uri, publish, .. } = &request;
    let zip = shape::zip(zip_file.as_deref(), s3_bucket.as_deref(), image_uri.as_deref(), *publish)?;
    let _turn = host.changes.lock().await;
    check_changeable(host, function)?;
    check_revision(&function.live(), request.revision_id.as_deref())?;
    let (zip, code) = control::unpack(host, zip).await.map_err(Exception::invalid_parameter)?;
    let live = function.live();
    let live = Live { policy: live.policy.clone(), ..host.live(live.definition.clone(), code) };
    if !request.dry_run {
        control::keep(host, &live, Some(zip)).await.map_err(Exception::service)?;
        function.replace(live.clone());
    }
    // That of before, or what was only tried.
    host.has_old_code.set(true);
    Ok(Answer::ok(shape::configuration(&live)))
}

async fn delete(host: &Rc<Shared>, function: &Rc<Function>) -> Result<Answer, Exception> {
    let _turn = host.changes.lock().await;
    check_changeable(host, function)?;
    let name = function.live().definition.name.clone();
    control::forget(host, &name).await.map_err(Exception::service)?;
    host.remove(&name);
    Ok(Answer::nothing())
}

/// Changes a function as `change` says, on the disk first.
async fn change(
    host: &Rc<Shared>,
    function: &Rc<Function>,
    change: impl FnOnce(&Live) -> Result<Live, Exception>,
) -> Result<Live, Exception> {
    let _turn = host.changes.lock().await;
    check_changeable(host, function)?;
    let live = change(&function.live())?;
    control::keep(host, &live, None).await.map_err(Exception::service)?;
    function.replace(live.clone());
    Ok(live)
}

/// Once it is this change's turn: it may be another function of that name by now, or none.
fn check_changeable(host: &Shared, function: &Rc<Function>) -> Result<(), Exception> {
    let live = function.live();
    let name = &live.definition.name;
    if !host.function(name).is_some_and(|now| Rc::ptr_eq(&now, function)) {
        return Err(Exception::not_found(&live.arn));
    }
    if !live.is_configured {
        return Ok(());
    }
    Err(Exception::conflict(format!("{name} is of the settings file, and is changed there")))
}

fn check_revision(live: &Live, revision_id: Option<&str>) -> Result<(), Exception> {
    if revision_id.is_none_or(|id| id == live.revision_id) {
        return Ok(());
    }
    let message = "The RevisionId provided does not match the latest RevisionId. Call the GetFunction API to retrieve the \
                   latest RevisionId for your resource.";
    Err(Exception::precondition(message))
}

fn concurrency(reserved: Option<u32>) -> Value {
    reserved.map_or_else(|| json!({}), |most| json!({ "ReservedConcurrentExecutions": most }))
}

async fn reserve(host: &Rc<Shared>, function: &Rc<Function>, most: Option<u32>) -> Result<Live, Exception> {
    let changed = change(host, function, |live| {
        let definition = Definition { reserved_concurrency: most, ..live.definition.clone() };
        // The processes go on: nothing of it concerns them.
        Ok(Live { definition, ..live.clone() })
    });
    changed.await
}

async fn retag(
    host: &Rc<Shared>,
    function: &Rc<Function>,
    edit: impl FnOnce(&mut Definition),
) -> Result<Live, Exception> {
    let changed = change(host, function, |live| {
        let mut live = live.clone();
        edit(&mut live.definition);
        if live.definition.tags.len() > TAGS_MAX {
            return Err(Exception::invalid_parameter(format!("a function has {TAGS_MAX} tags at most")));
        }
        Ok(live)
    });
    changed.await
}

async fn tag(host: &Rc<Shared>, function: &Rc<Function>, body: &[u8]) -> Result<Answer, Exception> {
    #[derive(serde::Deserialize)]
    struct Tags {
        #[serde(rename = "Tags")]
        tags: std::collections::BTreeMap<String, String>,
    }
    let Tags { tags } = shape::parse(body)?;
    retag(host, function, |definition| definition.tags.extend(tags)).await.map(|_| Answer::nothing())
}

/// The statement is kept and told: who may invoke here is said by the gate.
async fn add_permission(host: &Rc<Shared>, function: &Rc<Function>, body: &[u8]) -> Result<Answer, Exception> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Permission {
        statement_id: String,
        action: String,
        principal: String,
        source_arn: Option<String>,
        source_account: Option<String>,
    }
    let request: Permission = shape::parse(body)?;
    if !name::is_qualifier(&request.statement_id) || request.statement_id == LATEST {
        return Err(Exception::invalid_parameter("StatementId: write letters, digits, hyphens and underscores"));
    }
    let arn = function.live().arn.clone();
    let principal = match request.principal.as_str() {
        "*" => json!("*"),
        service if service.ends_with(".amazonaws.com") => json!({ "Service": service }),
        account => json!({ "AWS": account }),
    };
    let mut statement = json!({
        "Sid": request.statement_id, "Effect": "Allow", "Principal": principal, "Action": request.action, "Resource": arn,
    });
    if let Some(source) = request.source_arn {
        statement["Condition"]["ArnLike"] = json!({ "AWS:SourceArn": source });
    }
    if let Some(account) = request.source_account {
        statement["Condition"]["StringEquals"] = json!({ "AWS:SourceAccount": account });
    }
    let id = request.statement_id;
    let added = change(host, function, |live| {
        let mut live = live.clone();
        if live.policy.iter().any(|(other, _)| *other == id) {
            let message = format!(
                "The statement id ({id}) provided already exists. Please provide a new statement id, or remove the existing statement."
            );
            return Err(Exception::conflict(message));
        }
        if live.policy.len() >= STATEMENTS_MAX {
            return Err(Exception::invalid_parameter(format!("a policy has {STATEMENTS_MAX} statements at most")));
        }
        live.policy.push((id, statement.clone()));
        Ok(live)
    });
    added.await?;
    Ok(Answer::created(json!({ "Statement": statement.to_string() })))
}

fn policy(live: &Live) -> Value {
    let statements: Vec<&Value> = live.policy.iter().map(|(_, statement)| statement).collect();
    json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements })
}
