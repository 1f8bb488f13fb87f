//! `x-tollgate-upstream`: which methods share one, and which origins it has.

use super::*;
use crate::model::{IntegrationUpstream, Retries, Upstream, UpstreamTarget};
use crate::plan::StagePlan;
use crate::plan::integration::Integration as Compiled;

fn named(path: &str, uri: &str, name: &str) -> Resource {
    let upstream = Some(Box::new(IntegrationUpstream::Named(name.to_owned())));
    resource(path, vec![method("GET", Integration { upstream, ..http_proxy(uri, &[]) })])
}

fn with_targets(uris: &[&str]) -> Upstream {
    let targets = uris.iter().map(|uri| UpstreamTarget { uri: (*uri).to_owned(), weight: None });
    Upstream { targets: targets.collect(), retries: Some(Retries::default()), ..Upstream::default() }
}

fn definition_with(upstreams: &[(&str, Upstream)], resources: Vec<Resource>) -> ApiDefinition {
    let mut definition = definition(resources);
    let upstreams = upstreams.iter().map(|(name, upstream)| ((*name).to_owned(), upstream.clone()));
    definition.rest_api.upstreams = upstreams.collect();
    definition
}

/// Of each method the name of its protection, and its targets.
fn shown(stage: &StagePlan) -> Vec<String> {
    let of_method = |method: &crate::plan::MethodPlan| {
        let Compiled::Http(http) = &method.integration else { panic!("an HTTP integration") };
        let Some(index) = http.protection else { return stage.origin(http.origin).authority.to_string() };
        let protection = &stage.protections[index.0 as usize];
        assert_eq!(http.origin, protection.targets[0].origin, "requests are made for the first target");
        let targets = protection.targets.iter().map(|target| &*stage.origin(target.origin).authority);
        format!("{}: {}", protection.name, targets.collect::<Vec<_>>().join(" "))
    };
    stage.methods.iter().map(of_method).collect()
}

#[test]
fn methods_that_name_an_upstream_share_it() {
    let own = IntegrationUpstream::Described(Box::new(with_targets(&["http://b:1"])));
    let own = Integration { upstream: Some(Box::new(own)), ..http_proxy("http://x/", &[]) };
    let resources = vec![
        named("/1", "http://x/1", "orders"),
        named("/2", "http://y/2", "orders"),
        resource("/3", vec![method("GET", own)]),
        resource("/4", vec![method("GET", http_proxy("http://x/4", &[]))]),
    ];
    let targets = with_targets(&["http://a:1", "http://${stageVariables.backend}"]);
    let plan = compiled(&definition_with(&[("orders", targets)], resources)).expect("all can be served");
    let both = "orders: a:1 backend.test:8080";
    assert_eq!(shown(&plan.stages[0]), [both, both, "GET /3: b:1", "x"]);
    assert_eq!(plan.stages[0].protections.len(), 2);
    assert_eq!(plan.stages[0].origins.len(), 4, "of a URI with targets the host is not asked for");
}

#[test]
fn one_without_targets_protects_the_origin_of_each_uri() {
    let resources =
        vec![named("/1", "http://x/1", "all"), named("/2", "https://y/2", "all"), named("/3", "http://X:80/3", "all")];
    let plan = compiled(&definition_with(&[("all", with_targets(&[]))], resources)).expect("all can be served");
    let of_x = "all http://x: x";
    assert_eq!(shown(&plan.stages[0]), [of_x, "all https://y: y", of_x]);
}

#[test]
fn one_that_is_wrong_is_told_once() {
    let resources = vec![named("/1", "http://x/1", "bad"), named("/2", "http://x/2", "bad")];
    let problems = compiled(&definition_with(&[("bad", with_targets(&["a:1"]))], resources));
    let expected = "/restApi/x-tollgate-upstreams/bad/targets/0/uri: `a:1` is not a complete URI";
    assert_eq!(problems.expect_err("a URI without a scheme"), [expected]);
}
