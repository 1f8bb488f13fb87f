//! Custom domain names: a host, then a base path, lead to a stage. (Guide, `rest-api-mappings`.)
//!
//! A host that is found here is served from here alone: a path that no mapping has leads nowhere.

use std::sync::Arc;

use ahash::AHashMap;

use super::{Selection, split_segment};
use crate::plan::StageIndex;

/// A custom domain name with its mappings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainAddress {
    /// As clients send it in `Host`, in any case; `*.example.com` for every name with one label more.
    pub host: Box<str>,
    /// Of two with the same base path, the first counts; and of two addresses with the same host.
    pub mappings: Vec<MappingAddress>,
    /// Clients have to prove who they are.
    pub mutual_tls: Option<MutualTls>,
}

/// The truststore that clients of a domain name are verified by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MutualTls {
    pub truststore_uri: Box<str>,
    pub truststore_version: Box<str>,
    /// What a connection is marked with whose client was: another truststore, or another version of it, is another mark.
    pub mark: Arc<str>,
}

impl MutualTls {
    pub fn new(host: &str, truststore_uri: &str, truststore_version: &str) -> MutualTls {
        let host = host.to_ascii_lowercase();
        MutualTls {
            mark: format!("{host}\n{truststore_uri}\n{truststore_version}").into(),
            truststore_uri: truststore_uri.into(),
            truststore_version: truststore_version.into(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingAddress {
    /// Without slashes around it; empty for the paths that no other mapping has.
    pub base_path: Box<str>,
    pub api_id: Box<str>,
    /// Without one, the next segment of the path names it.
    pub stage: Option<Box<str>>,
}

/// The longest host name that DNS has. (RFC 1035, section 2.3.4.)
const HOST_BYTES_MAX: usize = 253;

#[derive(Debug, Default)]
pub(super) struct Domains {
    /// By host, in lower case.
    hosts: AHashMap<Box<str>, Domain>,
    /// By what follows `*.`.
    wildcards: AHashMap<Box<str>, Domain>,
    /// Whether any has mutual TLS.
    mutual_tls: bool,
}

#[derive(Debug, Default)]
struct Domain {
    mappings: Vec<Mapping>,
    mutual_tls: Option<MutualTls>,
}

/// The one with the longest base path is first.
#[derive(Debug)]
pub(super) struct Mapping {
    base_path: Box<str>,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Stage(StageIndex),
    /// Any of the API's, by the next segment of the path; none, where what is mapped is not deployed.
    Named(Box<[(Box<str>, StageIndex)]>),
}

impl Domains {
    /// `stages`: each stage's API and name.
    pub fn new<'s>(domains: &[DomainAddress], stages: impl Iterator<Item = (&'s str, &'s str, StageIndex)>) -> Domains {
        let mut apis: AHashMap<&str, Vec<(&str, StageIndex)>> = AHashMap::new();
        for (api_id, stage, index) in stages {
            apis.entry(api_id).or_default().push((stage, index));
        }
        let mut made = Domains::default();
        for domain in domains {
            let host = domain.host.to_ascii_lowercase();
            let Domain { mappings, mutual_tls } = match host.strip_prefix("*.") {
                Some(rest) => made.wildcards.entry(rest.into()),
                None => made.hosts.entry(host.into()),
            }
            .or_default();
            if let Some(asked) = &domain.mutual_tls {
                made.mutual_tls = true;
                mutual_tls.get_or_insert_with(|| asked.clone());
            }
            for address in &domain.mappings {
                if mappings.iter().all(|known| known.base_path != address.base_path) {
                    let stages = apis.get(&*address.api_id).map_or(&[][..], Vec::as_slice);
                    mappings
                        .push(Mapping { base_path: address.base_path.clone(), target: Target::new(address, stages) });
                }
            }
            mappings.sort_by_key(|mapping| std::cmp::Reverse(mapping.base_path.len()));
        }
        made
    }

    /// The mappings of a custom domain name; `None` where the host, in any case, with or without a port, is none.
    pub fn of(&self, host: &[u8]) -> Option<&[Mapping]> {
        self.domain(host).map(|domain| &*domain.mappings)
    }

    /// Whether a request for `host` may come from a client that was verified for `mark`. Whom one domain name trusts is for
    /// no other to believe: not for one that asks nobody, whose listener may trust others.
    pub fn admits(&self, host: &[u8], mark: Option<&str>) -> bool {
        let asked =
            if self.mutual_tls { self.domain(host).and_then(|domain| domain.mutual_tls.as_ref()) } else { None };
        asked.map(|asked| &*asked.mark) == mark
    }

    /// Each host in lower case, wildcards as `*.example.com`; none where none has mutual TLS.
    pub fn of_mutual_tls(&self) -> impl Iterator<Item = (String, Option<&MutualTls>)> {
        let any = |_: &_| self.mutual_tls;
        let hosts = self.hosts.iter().filter(any).map(|(host, domain)| (host.to_string(), domain.mutual_tls.as_ref()));
        let wildcards =
            self.wildcards.iter().filter(any).map(|(rest, domain)| (format!("*.{rest}"), domain.mutual_tls.as_ref()));
        hosts.chain(wildcards)
    }

    fn domain(&self, host: &[u8]) -> Option<&Domain> {
        if self.hosts.is_empty() && self.wildcards.is_empty() {
            return None;
        }
        let host = without_port(host);
        let mut buffer = [0; HOST_BYTES_MAX];
        let lower = buffer.get_mut(..host.len())?;
        lower.copy_from_slice(host);
        lower.make_ascii_lowercase();
        let lower = std::str::from_utf8(lower).ok()?;
        let exact = self.hosts.get(lower);
        exact.or_else(|| {
            let (_, rest) = lower.split_once('.').filter(|_| !self.wildcards.is_empty())?;
            self.wildcards.get(rest)
        })
    }
}

impl Target {
    fn new(address: &MappingAddress, stages: &[(&str, StageIndex)]) -> Target {
        match &address.stage {
            None => Target::Named(stages.iter().map(|(name, index)| ((*name).into(), *index)).collect()),
            Some(stage) => {
                let found = stages.iter().find(|(name, _)| **name == **stage);
                found.map_or(Target::Named(Box::default()), |(_, index)| Target::Stage(*index))
            }
        }
    }
}

/// The stage that the longest base path leads to. A mapping that leads nowhere leaves nothing to a shorter one.
pub(super) fn select(mappings: &[Mapping], path: &str) -> Option<Selection> {
    let after_slash = path.strip_prefix('/')?;
    let mapping = mappings.iter().find(|mapping| has_base_path(after_slash, &mapping.base_path))?;
    let base_path_bytes = mapping.base_path.len();
    let prefix_bytes = if base_path_bytes == 0 { 0 } else { 1 + base_path_bytes };
    match &mapping.target {
        Target::Stage(stage) => Some(Selection { stage: *stage, prefix_bytes, base_path_bytes }),
        Target::Named(stages) => {
            let (name, _) = split_segment(path[prefix_bytes..].strip_prefix('/')?);
            let (_, stage) = stages.iter().find(|(stage, _)| **stage == *name)?;
            Some(Selection { stage: *stage, prefix_bytes: prefix_bytes + 1 + name.len(), base_path_bytes })
        }
    }
}

fn has_base_path(after_slash: &str, base_path: &str) -> bool {
    let rest = after_slash.strip_prefix(base_path);
    base_path.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Also without the dot at the end that a full name may have.
fn without_port(host: &[u8]) -> &[u8] {
    let port_digits = host.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let before = &host[..host.len() - port_digits];
    let host = before.strip_suffix(b":").unwrap_or(host);
    host.strip_suffix(b".").unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(base_path: &str, api_id: &str, stage: &str) -> MappingAddress {
        let stage = (!stage.is_empty()).then(|| stage.into());
        MappingAddress { base_path: base_path.into(), api_id: api_id.into(), stage }
    }

    fn domain(host: &str, mappings: &[MappingAddress]) -> DomainAddress {
        DomainAddress { host: host.into(), mappings: mappings.to_vec(), mutual_tls: None }
    }

    const STAGES: [(&str, &str, StageIndex); 3] =
        [("a", "prod", StageIndex(0)), ("a", "dev", StageIndex(1)), ("b", "prod", StageIndex(2))];

    /// `stage, base path, rest`; `no host`, or `nowhere`.
    #[track_caller]
    fn check(domains: &[DomainAddress], host: &str, path: &str, expected: &str) {
        let domains = Domains::new(domains, STAGES.into_iter());
        let shown = match domains.of(host.as_bytes()) {
            None => "no host".to_owned(),
            Some(mappings) => select(mappings, path).map_or("nowhere".to_owned(), |found| {
                let base_path = &path[1..=found.base_path_bytes];
                format!("{}, {base_path}, {}", found.stage.0, &path[found.prefix_bytes..])
            }),
        };
        assert_eq!(shown, expected, "{host} {path}");
    }

    #[test]
    fn hosts() {
        let one = [mapping("", "a", "prod")];
        let domains = [domain("API.example.com", &one), domain("*.example.com", &[mapping("", "b", "prod")])];
        check(&domains, "api.example.com", "/x", "0, , /x");
        check(&domains, "Api.Example.COM:8443", "/x", "0, , /x");
        check(&domains, "api.example.com.", "/x", "0, , /x");
        check(&domains, "other.example.com:80", "/x", "2, , /x");
        check(&domains, "a.b.example.com", "/x", "no host");
        check(&domains, "example.com", "/x", "no host");
        check(&domains, "api.example.com8", "/x", "no host");
        check(&domains, "[::1]:80", "/x", "no host");
        check(&domains, "", "/x", "no host");
        check(&domains, &"a".repeat(300), "/x", "no host");
        check(&[], "api.example.com", "/x", "no host");
    }

    #[test]
    fn base_paths() {
        let mappings = [
            mapping("", "a", "dev"),
            mapping("v1", "a", "prod"),
            mapping("v1/orders", "b", "prod"),
            mapping("c", "z", "prod"),
        ];
        let domains = [domain("h", &mappings)];
        check(&domains, "h", "/v1/pets", "0, v1, /pets");
        check(&domains, "h", "/v1", "0, v1, ");
        check(&domains, "h", "/v1/", "0, v1, /");
        check(&domains, "h", "/v1/orders/7", "2, v1/orders, /7");
        check(&domains, "h", "/v1/orders7", "0, v1, /orders7");
        check(&domains, "h", "/v10/pets", "1, , /v10/pets");
        check(&domains, "h", "/V1/pets", "1, , /V1/pets");
        check(&domains, "h", "/", "1, , /");
        check(&domains, "h", "*", "nowhere");
        // Mapped to what is not there: not the other mapping's.
        check(&domains, "h", "/c/pets", "nowhere");
        check(&[domain("h", &mappings[1..])], "h", "/pets", "nowhere");
        check(&[domain("h", &[])], "h", "/pets", "nowhere");
    }

    #[test]
    fn without_a_stage_the_path_names_it() {
        let domains = [domain("h", &[mapping("v1", "a", ""), mapping("", "b", "")])];
        check(&domains, "h", "/v1/dev/pets", "1, v1, /pets");
        check(&domains, "h", "/v1/dev", "1, v1, ");
        check(&domains, "h", "/v1/test/pets", "nowhere");
        check(&domains, "h", "/v1", "nowhere");
        check(&domains, "h", "/prod/pets", "2, , /pets");
        check(&domains, "h", "/dev/pets", "nowhere");
    }

    #[test]
    fn mutual_tls_is_for_the_host_that_has_it() {
        let mutual = |host: &str, version: &str| DomainAddress {
            mutual_tls: Some(MutualTls::new(host, "s3://a/b", version)),
            ..domain(host, &[])
        };
        let domains =
            [mutual("*.Example.com", "1"), domain("open.example.com", &[]), mutual("api.test", ""), domain("h", &[])];
        let marks = [&domains[0], &domains[2]].map(|domain| domain.mutual_tls.clone().expect("it has").mark);
        let made = Domains::new(&domains, STAGES.into_iter());
        #[track_caller]
        fn check(made: &Domains, host: &str, mark: Option<&str>, expected: bool) {
            assert_eq!(made.admits(host.as_bytes(), mark), expected, "{host} {mark:?}");
        }
        for host in ["a.example.com", "A.EXAMPLE.com:443", "a.example.com.", "a.example.com.:443"] {
            check(&made, host, None, false);
            check(&made, host, Some(&marks[1]), false);
            check(&made, host, Some(&marks[0]), true);
        }
        let newer = MutualTls::new("*.example.com", "s3://a/b", "2").mark;
        check(&made, "a.example.com", Some(&newer), false);
        for host in ["open.example.com", "h", "elsewhere", "a.b.example.com", ""] {
            check(&made, host, None, true);
            // Whom one domain name trusts is not for others to believe.
            check(&made, host, Some(&marks[0]), false);
        }
        check(&Domains::default(), "a.example.com", None, true);
        let mut all: Vec<(String, bool)> =
            made.of_mutual_tls().map(|(host, mutual)| (host, mutual.is_some())).collect();
        all.sort();
        let expected = [("*.example.com", true), ("api.test", true), ("h", false), ("open.example.com", false)];
        assert_eq!(all, expected.map(|(host, mutual)| (host.to_owned(), mutual)));
    }

    #[test]
    fn of_two_the_first_counts() {
        let first = [mapping("", "a", "prod")];
        let second = [mapping("", "b", "prod"), mapping("v1", "a", "dev")];
        let domains = [domain("h", &first), domain("H", &second)];
        check(&domains, "h", "/x", "0, , /x");
        check(&domains, "h", "/v1/x", "1, v1, /x");
    }
}
