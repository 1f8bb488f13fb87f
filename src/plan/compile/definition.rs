//! A definition with a stage's variables put in: its routes, its methods, its error answers.

use std::collections::HashMap;
use std::sync::Arc;

use super::authorizer::Authorizers;
use super::protection::Protections;
use super::throttle_rules::Rules;
use super::{
    Compilation, PATH_SEGMENTS_MAX, Problem, StageSource, ValueName, cache, gateway_responses, method, resource_policy,
    throttle_rules,
};
use crate::model::{ApiDefinition, Pointer, Resource};
use crate::plan::authorizer::Authorizer;
use crate::plan::gateway_response::GatewayResponses;
use crate::plan::integration::Origin;
use crate::plan::protection::Protection;
use crate::plan::route::{PATH_PARAMETERS_MAX, RouteConflict, RouteTable};
use crate::plan::throttle::Rule;
use crate::plan::{MethodIndex, MethodPlan, OriginIndex};
use crate::policy::Policy;

/// All that a definition and a stage's variables make. Stages that serve the same have the same one.
#[derive(Debug)]
pub struct CompiledDefinition {
    pub routes: Arc<RouteTable>,
    pub methods: Arc<[MethodPlan]>,
    pub gateway_responses: Arc<GatewayResponses>,
    pub origins: Arc<[Arc<Origin>]>,
    pub protections: Arc<[Arc<Protection>]>,
    pub rules: Arc<[Rule]>,
    pub resource_policy: Option<Arc<Policy>>,
    pub authorizers: Arc<[Authorizer]>,
    pub signs: bool,
    /// What methods are denied for.
    pub denied: Box<[Problem]>,
}

pub fn compile(compilation: &mut Compilation<'_>, source: StageSource<'_>) -> CompiledDefinition {
    (compilation.origins, compilation.protections) = (Origins::default(), Protections::default());
    (compilation.models, compilation.rules) = (HashMap::new(), Rules::default());
    (compilation.authorizers, compilation.signs) = (Authorizers::default(), false);
    throttle_rules::of_api(compilation, &source.definition.rest_api);
    compilation.shared_namespaces = cache::shared_namespaces(source.definition);
    let resource_policy = resource_policy::compile(compilation, &source.definition.rest_api);
    let responses = gateway_responses::compile(compilation, source.definition, source.stage);
    let (mut routes, mut methods) = (RouteTable::default(), Vec::new());
    for described in &source.definition.resources {
        resource(compilation, source, described, &mut routes, &mut methods);
    }
    routes.shrink_to_fit();
    CompiledDefinition {
        routes: Arc::new(routes),
        methods: methods.into(),
        gateway_responses: Arc::new(responses),
        origins: std::mem::take(&mut compilation.origins).list.into(),
        protections: std::mem::take(&mut compilation.protections).into_list(),
        rules: std::mem::take(&mut compilation.rules).into_list().into(),
        resource_policy,
        authorizers: std::mem::take(&mut compilation.authorizers).into_list().into(),
        signs: compilation.signs,
        denied: std::mem::take(&mut compilation.denied).into(),
    }
}

/// The origins of a definition's methods, each once.
#[derive(Default)]
pub struct Origins {
    list: Vec<Arc<Origin>>,
    indices: HashMap<Arc<Origin>, OriginIndex>,
}

impl Origins {
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Forgets those that came last.
    pub fn truncate(&mut self, len: usize) {
        for origin in self.list.drain(len..) {
            self.indices.remove(&origin);
        }
    }

    pub fn index(&mut self, origin: Origin) -> OriginIndex {
        if let Some(index) = self.indices.get(&origin) {
            return *index;
        }
        let index = OriginIndex(self.list.len() as u32);
        let origin = Arc::new(origin);
        self.indices.insert(Arc::clone(&origin), index);
        self.list.push(origin);
        index
    }
}

fn resource(
    compilation: &mut Compilation<'_>,
    source: StageSource<'_>,
    resource: &Resource,
    routes: &mut RouteTable,
    methods: &mut Vec<MethodPlan>,
) {
    if resource.resource_methods.is_empty() {
        return;
    }
    if resource.path.split('/').count() > PATH_SEGMENTS_MAX + 1 {
        let message = format!("the path has more than {PATH_SEGMENTS_MAX} segments");
        compilation.refuse(Pointer::resource(&resource.path), message);
        return;
    }
    for (http_method, method) in &resource.resource_methods {
        let index = MethodIndex(methods.len() as u32);
        if let Err(conflict) = routes.insert(&resource.path, http_method, index) {
            refuse_conflict(compilation, source.definition, &resource.path, http_method, &conflict);
            return;
        }
        methods.extend(method::compile(compilation, source, resource, method));
    }
}

fn refuse_conflict(
    compilation: &mut Compilation<'_>,
    definition: &ApiDefinition,
    path: &str,
    http_method: &str,
    conflict: &RouteConflict,
) {
    let pointer = Pointer::resource(path);
    match conflict {
        RouteConflict::Duplicate => {
            let message = format!("`{http_method} {path}` is here twice");
            compilation.refuse(Pointer::method(path, http_method), message);
        }
        RouteConflict::SiblingParameter { existing } => {
            let message = format!("the path conflicts with one that has `{{{existing}}}` in the same place");
            let other = sibling(definition, path, existing).map(Pointer::resource);
            let deployment = compilation.deployment;
            let refusal = compilation.refuse(pointer, message);
            let refusal = refusal.help(format!("call the parameter `{existing}` in both, as API Gateway demands"));
            if let Some(pointer) = other {
                refusal.related("the other path", ValueName { source: 0, deployment, pointer });
            }
        }
        RouteConflict::GreedyNotLast => {
            let message = "a greedy parameter such as `{proxy+}` must be the path's last segment";
            compilation.refuse(pointer, message).help("end the path after it");
        }
        RouteConflict::TooManyParameters => {
            compilation.refuse(pointer, format!("the path has more than {PATH_PARAMETERS_MAX} parameters"));
        }
        RouteConflict::MalformedParameter { segment } => {
            let message = format!("`{segment}` is not a path parameter: braces stand around a whole segment");
            compilation.refuse(pointer, message).help("write `/{name}` or, at the end, `/{name+}`");
        }
        RouteConflict::NoLeadingSlash => {
            compilation.refuse(pointer, "the path does not start with a slash");
        }
    }
}

/// The path of the first resource that has a parameter `existing` where `path` has another.
fn sibling<'m>(definition: &'m ApiDefinition, path: &str, existing: &str) -> Option<&'m str> {
    let wanted = [format!("{{{existing}}}"), format!("{{{existing}+}}")];
    let conflicts = |other: &str| {
        let mut pairs = other.split('/').zip(path.split('/'));
        pairs.find(|(one, two)| one != two).is_some_and(|(one, _)| wanted.iter().any(|name| name == one))
    };
    let methods = definition.resources.iter().filter(|resource| !resource.resource_methods.is_empty());
    methods.map(|resource| resource.path.as_str()).find(|other| conflicts(other))
}
