//! The rules of `x-tollgate-throttle`: their members, with their ranges.

use std::collections::HashMap;

use super::Compilation;
use crate::limit::Rate;
use crate::model::{AuthorizationType, Method, Pointer, RestApi, ThrottleRule};
use crate::plan::throttle::{Rule, RuleIndex, RuleKey, RuleLimit};

const KEY: &str = "x-tollgate-throttle";

/// Rules that the API has, and rules that a method has: a request asks each of them.
const RULES_MAX: usize = 8;

/// The rules of a definition, each once.
#[derive(Default)]
pub struct Rules {
    list: Vec<Rule>,
    /// What every method has.
    of_api: Vec<RuleIndex>,
}

impl Rules {
    pub fn into_list(self) -> Box<[Rule]> {
        self.list.into()
    }
}

pub fn of_api(compilation: &mut Compilation<'_>, rest_api: &RestApi) {
    let rules = compile(compilation, &rest_api.throttle, "", &Pointer::rest_api(KEY));
    compilation.rules.of_api = rules;
}

/// The method's own and the API's, in the order in which they are asked: whoever calls too often is told so before it
/// takes from what is everybody's.
pub fn of_method(
    compilation: &mut Compilation<'_>,
    path: &str,
    method: &Method,
    pointer: &Pointer,
) -> Box<[RuleIndex]> {
    let name = format!("{} {path}", method.http_method);
    let mut rules = compile(compilation, &method.throttle, &name, &pointer.child(KEY));
    let is_open = method.authorization_type == AuthorizationType::None;
    let asks_authorizer = |index: &RuleIndex| {
        let limit = &compilation.rules.list[usize::from(index.0)].limit;
        matches!(limit, RuleLimit::PerKey { key: RuleKey::Claim(_) | RuleKey::Authorizer(_), .. })
    };
    if is_open && rules.iter().any(asks_authorizer) {
        let message = "nobody says anything of this method's callers: it has no authorizer";
        let help = "give it one by `security`, or tell callers apart by `clientIp`";
        compilation.refuse(pointer.child(KEY), message).help(help);
    }
    rules.extend(&compilation.rules.of_api);
    rules.sort_by_key(|index| match compilation.rules.list[usize::from(index.0)].limit {
        RuleLimit::PerKey { .. } => 0,
        RuleLimit::Rate(_) => 1,
        RuleLimit::Concurrency(_) => 2,
    });
    rules.into()
}

/// `owner`: a method, or empty.
fn compile(
    compilation: &mut Compilation<'_>,
    rules: &[ThrottleRule],
    owner: &str,
    pointer: &Pointer,
) -> Vec<RuleIndex> {
    if rules.len() > RULES_MAX {
        let message = format!("`{KEY}` has {} rules", rules.len());
        compilation.refuse(pointer.clone(), message).help(format!("{RULES_MAX} are possible"));
        return Vec::new();
    }
    let (mut indices, mut of_kind) = (Vec::new(), HashMap::new());
    for (number, rule) in rules.iter().enumerate() {
        let Some(limit) = limit(compilation, rule, &pointer.child(&number.to_string())) else { continue };
        let Ok(index) = u16::try_from(compilation.rules.list.len()) else {
            compilation.refuse(pointer.clone(), format!("the API has more than {} rules", u16::MAX));
            return indices;
        };
        let kind = kind(&limit);
        let nth = of_kind.entry(kind.clone()).and_modify(|nth| *nth += 1).or_insert(0);
        let identity = format!("{owner}\0{kind}\0{nth}").into();
        compilation.rules.list.push(Rule { identity, limit, of_api: owner.is_empty() });
        indices.push(RuleIndex(index));
    }
    indices
}

/// What stays of a rule when its numbers change.
fn kind(limit: &RuleLimit) -> String {
    match limit {
        RuleLimit::PerKey { key: RuleKey::ClientIp, .. } => "clientIp".to_owned(),
        RuleLimit::PerKey { key: RuleKey::Header(name), .. } => format!("header:{name}"),
        RuleLimit::PerKey { key: RuleKey::Claim(name), .. } => format!("claim:{name}"),
        RuleLimit::PerKey { key: RuleKey::Authorizer(name), .. } => format!("authorizer:{name}"),
        RuleLimit::Rate(_) => "rate".to_owned(),
        RuleLimit::Concurrency(_) => "concurrency".to_owned(),
    }
}

/// `None` where there was a problem.
fn limit(compilation: &mut Compilation<'_>, rule: &ThrottleRule, pointer: &Pointer) -> Option<RuleLimit> {
    if let Some(concurrency) = rule.concurrency {
        return at_a_time(compilation, rule, concurrency, pointer);
    }
    let (Some(rate_limit), Some(burst_limit)) = (rule.rate_limit, rule.burst_limit) else {
        let message = "a rule has no limit: it needs `rateLimit` and `burstLimit`, or `concurrency`";
        let help = "write `{ rateLimit: 20, burstLimit: 40 }`: requests a second, and how many may come at once";
        compilation.refuse(pointer.clone(), message).help(help);
        return None;
    };
    let key = match &rule.per {
        Some(per) => Some(key(compilation, per, &pointer.child("per"))?),
        None => None,
    };
    let rate = Rate::new(rate_limit, burst_limit).map_err(|odd| {
        let member = if burst_limit < 0 { "burstLimit" } else { "rateLimit" };
        compilation.refuse(pointer.child(member), format!("the limit cannot be used: {odd}"));
    });
    let rate = rate.ok()?;
    Some(key.map_or(RuleLimit::Rate(rate), |key| RuleLimit::PerKey { key, rate }))
}

fn at_a_time(
    compilation: &mut Compilation<'_>,
    rule: &ThrottleRule,
    concurrency: i32,
    pointer: &Pointer,
) -> Option<RuleLimit> {
    let others = [
        ("rateLimit", rule.rate_limit.is_some()),
        ("burstLimit", rule.burst_limit.is_some()),
        ("per", rule.per.is_some()),
    ];
    if let Some((other, _)) = others.iter().find(|(_, set)| *set) {
        let message = format!("`{other}` has no effect beside `concurrency`");
        compilation
            .refuse(pointer.child(other), message)
            .help("make two rules of it; `concurrency` is of all together");
        return None;
    }
    match u32::try_from(concurrency) {
        Ok(concurrency @ 1..) => Some(RuleLimit::Concurrency(concurrency)),
        Ok(0) | Err(_) => {
            let message = format!("a concurrency of {concurrency} cannot be used");
            compilation.refuse(pointer.child("concurrency"), message).help("it is 1 or more");
            None
        }
    }
}

fn key(compilation: &mut Compilation<'_>, per: &str, pointer: &Pointer) -> Option<RuleKey> {
    const HELP: &str = "it is `clientIp`, `header:NAME`, `claim:NAME` or `context.authorizer.NAME`; without `per`, the \
                        limit is for all together";
    if let Some(name) = per.strip_prefix("context.authorizer.").filter(|name| !name.is_empty()) {
        return Some(match name.strip_prefix("claims.") {
            Some(claim) => RuleKey::Claim(claim.into()),
            None => RuleKey::Authorizer(name.into()),
        });
    }
    if per == "clientIp" {
        return Some(RuleKey::ClientIp);
    }
    match per.split_once(':') {
        Some(("header", name)) if is_token(name) => Some(RuleKey::Header(name.to_ascii_lowercase().into())),
        Some(("header", name)) => {
            compilation.refuse(pointer.clone(), format!("`{name}` cannot be a header's name")).help(HELP);
            None
        }
        Some(("claim", name)) if !name.is_empty() => Some(RuleKey::Claim(name.into())),
        Some(_) | None => {
            compilation.refuse(pointer.clone(), format!("`{per}` is nothing to tell callers apart by")).help(HELP);
            None
        }
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(good)
}
