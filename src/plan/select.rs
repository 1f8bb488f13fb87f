//! Which stage serves a request: by the host name of an API, or by a prefix of the path.
//!
//! | host | path | stage |
//! |---|---|---|
//! | a custom domain name | `/{base path}/…` | that it is mapped to: see [`domain`] |
//! | `{api-id}.execute-api.…` | `/{stage}/…` | of that API |
//! | any | `/_aws/execute-api/{api-id}/{stage}/…` | of that API |
//! | any | `/restapis/{api-id}/{stage}/_user_request_/…` | of that API |
//! | any other | `/{stage}/…` | of the only API |
//! | any other | `/…` | the only stage, with the setting `root` |

pub mod domain;

use std::sync::Arc;

use ahash::AHashMap;

use super::StageIndex;
use domain::{DomainAddress, Domains, MutualTls};

/// A stage and how many bytes at the start of the path were only there to select it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    pub stage: StageIndex,
    /// The rest of the path starts here: with a slash, or empty where the path ended.
    pub prefix_bytes: usize,
    /// Of a custom domain name's path, how many bytes after its first slash are the base path that matched.
    pub base_path_bytes: usize,
}

/// How a stage is addressed.
#[derive(Clone, Debug)]
pub struct StageAddress {
    pub index: StageIndex,
    pub api_id: Arc<str>,
    pub stage: Arc<str>,
    /// `disableExecuteApiEndpoint`: not by its execute-api host name, nor by the prefix forms that stand for it.
    pub execute_api_disabled: bool,
}

#[derive(Debug, Default)]
pub struct Selector {
    /// The stages of an API, by its id.
    apis: AHashMap<Arc<str>, Vec<(Arc<str>, StageIndex)>>,
    /// The stages of the only API, for hosts that name none.
    only_api: Vec<(Arc<str>, StageIndex)>,
    /// Serves every host that names no API, without a prefix.
    root: Option<StageIndex>,
    domains: Domains,
    /// The stages of the only API that `disableExecuteApiEndpoint` is said of.
    disabled: Vec<(Arc<str>, StageIndex)>,
    /// Those of them that have a custom domain name with mutual TLS: there alone, or a host that names nobody would be a
    /// door around it.
    guarded: Vec<StageIndex>,
}

impl Selector {
    /// With `root`, the first stage is served without a prefix.
    pub fn new(stages: &[StageAddress], root: bool) -> Selector {
        let mut selector = Selector::default();
        let one_api = stages.windows(2).all(|pair| pair[0].api_id == pair[1].api_id);
        for address in stages {
            let index = address.index;
            if !address.execute_api_disabled {
                let entry = selector.apis.entry(address.api_id.clone()).or_default();
                entry.push((address.stage.clone(), index));
            }
            if one_api {
                selector.only_api.push((address.stage.clone(), index));
            }
            if one_api && address.execute_api_disabled {
                selector.disabled.push((address.api_id.clone(), index));
            }
        }
        selector.root = stages.first().filter(|_| root && one_api).map(|first| first.index);
        selector
    }

    /// Serves these custom domain names too, and no others. `stages`: the API and the name of each that there is.
    pub fn serve_domains<'s>(
        &mut self,
        domains: &[DomainAddress],
        stages: impl Iterator<Item = (&'s str, &'s str, StageIndex)>,
    ) {
        self.domains = Domains::new(domains, stages);
        let mutual = domains.iter().filter(|domain| domain.mutual_tls.is_some());
        let mapped: Vec<&str> = mutual.flat_map(|domain| &domain.mappings).map(|mapping| &*mapping.api_id).collect();
        let guarded = self.disabled.iter().filter(|(api_id, _)| mapped.contains(&&**api_id));
        self.guarded = guarded.map(|(_, index)| *index).collect();
    }

    /// Every custom domain name, in lower case, with what its clients are verified by; nothing where none has mutual TLS. A
    /// name without it may be one that a wildcard with it does not count for.
    pub fn domains(&self) -> impl Iterator<Item = (String, Option<&MutualTls>)> {
        self.domains.of_mutual_tls()
    }

    /// Whether a request for `host` may come over a connection with this mark of [`MutualTls`]; with none, nobody has
    /// verified its client for a domain name.
    pub fn admits(&self, host: &[u8], mark: Option<&str>) -> bool {
        self.domains.admits(host, mark)
    }

    /// `host` in any case, with or without a port; `path` as normalised by `http::target`.
    pub fn select(&self, host: &[u8], path: &str) -> Option<Selection> {
        if let Some(mappings) = self.domains.of(host) {
            return domain::select(mappings, path);
        }
        if let Some(api_id) = execute_api_id(host) {
            let stages = self.apis.get(api_id)?;
            return by_stage_segment(stages, path, 0);
        }
        if let Some(rest) = path.strip_prefix("/_aws/execute-api/") {
            let (api_id, _) = split_segment(rest);
            let stages = self.apis.get(api_id)?;
            return by_stage_segment(stages, path, "/_aws/execute-api/".len() + api_id.len());
        }
        if let Some(selection) = self.by_user_request(path) {
            return Some(selection);
        }
        let selection = match self.root {
            Some(stage) => Some(Selection { stage, prefix_bytes: 0, base_path_bytes: 0 }),
            None => by_stage_segment(&self.only_api, path, 0),
        };
        selection.filter(|selection| !self.guarded.contains(&selection.stage))
    }

    fn by_user_request(&self, path: &str) -> Option<Selection> {
        let rest = path.strip_prefix("/restapis/")?;
        let (api_id, rest) = split_segment(rest);
        let (_, after_stage) = split_segment(rest.strip_prefix('/')?);
        let mut selection = by_stage_segment(self.apis.get(api_id)?, path, "/restapis/".len() + api_id.len())?;
        let (marker, _) = split_segment(after_stage.strip_prefix('/')?);
        if marker != "_user_request_" {
            return None;
        }
        selection.prefix_bytes += 1 + marker.len();
        Some(selection)
    }
}

/// The API id in `{api-id}.execute-api.…`.
fn execute_api_id(host: &[u8]) -> Option<&str> {
    let dot = memchr::memchr(b'.', host)?;
    let rest = &host[dot + 1..];
    let label = b"execute-api.";
    if rest.len() < label.len() || !rest[..label.len()].eq_ignore_ascii_case(label) {
        return None;
    }
    std::str::from_utf8(&host[..dot]).ok()
}

/// The stage named by the segment that starts with the slash at `at`.
fn by_stage_segment(stages: &[(Arc<str>, StageIndex)], path: &str, at: usize) -> Option<Selection> {
    let (name, _) = split_segment(path.get(at..)?.strip_prefix('/')?);
    let (_, stage) = stages.iter().find(|(stage, _)| **stage == *name)?;
    Some(Selection { stage: *stage, prefix_bytes: at + 1 + name.len(), base_path_bytes: 0 })
}

fn split_segment(text: &str) -> (&str, &str) {
    text.split_at(memchr::memchr(b'/', text.as_bytes()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(index: u32, api_id: &str, stage: &str) -> StageAddress {
        let index = StageIndex(index);
        StageAddress { index, api_id: api_id.into(), stage: stage.into(), execute_api_disabled: false }
    }

    #[track_caller]
    fn check(selector: &Selector, host: &str, path: &str, expected: Option<(u32, &str)>) {
        let selected = selector.select(host.as_bytes(), path);
        let shown = selected.map(|selection| (selection.stage.0, &path[selection.prefix_bytes..]));
        assert_eq!(shown, expected, "{host} {path}");
    }

    #[test]
    fn one_api_is_found_by_its_stage() {
        let selector = Selector::new(&[address(0, "abc123", "prod"), address(1, "abc123", "dev")], false);
        check(&selector, "localhost:8080", "/prod/pets", Some((0, "/pets")));
        check(&selector, "localhost:8080", "/dev", Some((1, "")));
        check(&selector, "localhost:8080", "/production/pets", None);
        check(&selector, "localhost:8080", "/", None);
        check(&selector, "abc123.execute-api.eu-west-1.amazonaws.com", "/dev/pets", Some((1, "/pets")));
        check(&selector, "ABC123.execute-api.x", "/dev/pets", None);
        check(&selector, "other.execute-api.eu-west-1.amazonaws.com", "/dev/pets", None);
    }

    #[test]
    fn several_apis_need_their_id() {
        let selector = Selector::new(&[address(0, "a", "prod"), address(1, "b", "prod")], false);
        check(&selector, "localhost", "/prod/pets", None);
        check(&selector, "b.execute-api.localhost:8080", "/prod/pets", Some((1, "/pets")));
        check(&selector, "b.EXECUTE-API.localhost:8080", "/prod/pets", Some((1, "/pets")));
        check(&selector, "localhost", "/_aws/execute-api/b/prod/pets", Some((1, "/pets")));
        check(&selector, "localhost", "/_aws/execute-api/b/prod", Some((1, "")));
        check(&selector, "localhost", "/_aws/execute-api/b", None);
        check(&selector, "localhost", "/restapis/a/prod/_user_request_/pets", Some((0, "/pets")));
        check(&selector, "localhost", "/restapis/a/prod/_user_request_", Some((0, "")));
        check(&selector, "localhost", "/restapis/a/prod/pets", None);
        check(&selector, "localhost", "/restapis/a/prod", None);
    }

    #[test]
    fn the_root_serves_every_path_and_still_knows_the_other_forms() {
        let selector = Selector::new(&[address(0, "a", "prod")], true);
        check(&selector, "localhost", "/pets", Some((0, "/pets")));
        check(&selector, "localhost", "/prod/pets", Some((0, "/prod/pets")));
        check(&selector, "a.execute-api.localhost", "/prod/pets", Some((0, "/pets")));
    }

    #[test]
    fn a_disabled_endpoint_is_no_way_around_mutual_tls() {
        let disabled = StageAddress { execute_api_disabled: true, ..address(0, "a", "prod") };
        let mapping = domain::MappingAddress { base_path: "".into(), api_id: "a".into(), stage: Some("prod".into()) };
        let plain = DomainAddress { host: "api.test".into(), mappings: vec![mapping], mutual_tls: None };
        let mutual = DomainAddress { mutual_tls: Some(MutualTls::new("api.test", "s3://a/b", "")), ..plain.clone() };
        let stages = || [("a", "prod", StageIndex(0))].into_iter();
        for root in [false, true] {
            let path = if root { "/pets" } else { "/prod/pets" };
            let mut selector = Selector::new(std::slice::from_ref(&disabled), root);
            check(&selector, "elsewhere", path, Some((0, "/pets")));
            selector.serve_domains(std::slice::from_ref(&plain), stages());
            check(&selector, "elsewhere", path, Some((0, "/pets")));
            selector.serve_domains(std::slice::from_ref(&mutual), stages());
            check(&selector, "elsewhere", path, None);
            check(&selector, "api.test", "/pets", Some((0, "/pets")));
            let mut selector = Selector::new(&[address(0, "a", "prod")], root);
            selector.serve_domains(std::slice::from_ref(&mutual), stages());
            check(&selector, "elsewhere", path, Some((0, "/pets")));
        }
    }

    #[test]
    fn custom_domain_names_are_served_beside_the_other_forms() {
        let stages = [("a", "prod", StageIndex(7)), ("b", "prod", StageIndex(0))];
        let mapping = |base_path: &str, api_id: &str| domain::MappingAddress {
            base_path: base_path.into(),
            api_id: api_id.into(),
            stage: Some("prod".into()),
        };
        let mappings = vec![mapping("", "a"), mapping("v1", "b")];
        let domains = [DomainAddress { host: "api.example.com".into(), mappings, mutual_tls: None }];
        let mut selector = Selector::new(&[address(0, "b", "prod")], false);
        selector.serve_domains(&domains, stages.into_iter());
        check(&selector, "api.example.com", "/v1/pets", Some((0, "/pets")));
        check(&selector, "api.example.com", "/prod/pets", Some((7, "/prod/pets")));
        check(&selector, "api.example.com", "/_aws/execute-api/b/prod", Some((7, "/_aws/execute-api/b/prod")));
        check(&selector, "b.execute-api.localhost", "/prod/pets", Some((0, "/pets")));
        check(&selector, "localhost", "/v1/pets", None);
    }

    #[test]
    fn a_disabled_endpoint_is_not_served_under_its_name() {
        let mut stage = address(0, "a", "prod");
        stage.execute_api_disabled = true;
        let selector = Selector::new(&[stage], false);
        check(&selector, "a.execute-api.localhost", "/prod/pets", None);
        check(&selector, "localhost", "/_aws/execute-api/a/prod/pets", None);
        check(&selector, "localhost", "/prod/pets", Some((0, "/pets")));
    }
}
