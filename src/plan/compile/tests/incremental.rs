//! Stages compiled one by one.

use super::*;
use crate::model::DeploymentId;

fn of_deployment(name: &str, deployment: &str) -> Stage {
    Stage { stage_name: name.to_owned(), deployment_id: Some(DeploymentId(deployment.to_owned())), ..stage() }
}

fn compiled_stage(compiler: &mut Compiler, definition: &ApiDefinition, stage: &Stage) -> CompiledStage {
    compiler.stage(StageSource { definition, stage, canary: None }).expect("the stage can be served")
}

fn api(id: &str, hosts: &[&str]) -> ApiDefinition {
    let get = |(number, host): (usize, &&str)| {
        resource(&format!("/r{number}"), vec![method("GET", http_proxy(&format!("http://{host}/"), &[]))])
    };
    let mut definition = definition(hosts.iter().enumerate().map(get).collect());
    definition.rest_api.id = RestApiId(id.to_owned());
    definition
}

fn shares_methods(one: &CompiledStage, two: &CompiledStage) -> bool {
    Arc::ptr_eq(&one.plan().methods, &two.plan().methods)
}

#[test]
fn a_plan_takes_stages_as_they_were_compiled() {
    let mut compiler = Compiler::new(Limits::default(), Unsupported::Refuse);
    let one = compiled_stage(&mut compiler, &api("one", &["a.test", "b.test"]), &of_deployment("prod", "dep001"));
    let two = compiled_stage(&mut compiler, &api("two", &["b.test"]), &of_deployment("prod", "dep002"));
    let three = compiled_stage(&mut compiler, &api("two", &["c.test"]), &of_deployment("prod", "dep003"));
    let before = compiler.plan([&one, &two], false, 1);
    let after = compiler.plan([&one, &three], false, 2);
    assert!(Arc::ptr_eq(&before.stages[0], &after.stages[0]));
    assert_eq!((before.generation, after.generation), (1, 2));
    let hosts = |plan: &Plan| plan.origins().map(|origin| origin.host.to_string()).collect::<Vec<_>>();
    assert_eq!(hosts(&before), ["a.test", "b.test", "b.test"]);
    assert_eq!(hosts(&after), ["a.test", "b.test", "c.test"], "nothing is left of what nobody serves any more");
    let selected = after.selector.select(b"two.execute-api.localhost", "/prod/r0").expect("it is addressed");
    assert_eq!(&*after.stage(selected.stage).deployment_id, "dep003");
    let plan_integration::Integration::Http(http) = &after.stage(selected.stage).methods[0].integration else {
        panic!("an HTTP integration")
    };
    assert_eq!(&*after.stage(selected.stage).origin(http.origin).host, "c.test");
}

#[test]
fn a_deployment_may_lack_methods_that_its_stage_has_settings_of() {
    let mut compiler = Compiler::new(Limits::default(), Unsupported::Refuse);
    let mut stage = of_deployment("prod", "dep001");
    stage.method_settings.insert("~1gone/GET".to_owned(), Default::default());
    let definition = api("one", &["a.test"]);
    let compiled = compiler.stage(StageSource { definition: &definition, stage: &stage, canary: None });
    assert_eq!(compiled.map(|compiled| compiled.plan().methods.len()), Ok(1));
}

#[test]
fn stages_of_one_deployment_share_its_methods() {
    let mut compiler = Compiler::new(Limits::default(), Unsupported::Refuse);
    // As when each is read from a store by itself.
    let definition = || api("one", &["a.test"]);
    let prod = compiled_stage(&mut compiler, &definition(), &of_deployment("prod", "dep001"));
    let test = compiled_stage(&mut compiler, &definition(), &of_deployment("test", "dep001"));
    assert!(shares_methods(&prod, &test));
    let other_deployment = compiled_stage(&mut compiler, &definition(), &of_deployment("prod", "dep002"));
    let other_api = compiled_stage(&mut compiler, &api("two", &["a.test"]), &of_deployment("prod", "dep001"));
    let unnamed = compiled_stage(&mut compiler, &definition(), &stage());
    let mut varied = of_deployment("prod", "dep001");
    varied.variables.insert("more".to_owned(), "x".to_owned());
    let varied = compiled_stage(&mut compiler, &definition(), &varied);
    for other in [&other_deployment, &other_api, &unnamed, &varied] {
        assert!(!shares_methods(&prod, other));
    }
    drop(prod);
    let kept = compiled_stage(&mut compiler, &definition(), &of_deployment("prod", "dep001"));
    assert!(shares_methods(&test, &kept), "whoever still serves it has it");
}

#[test]
fn canaries_are_known_by_their_deployments() {
    let mut compiler = Compiler::new(Limits::default(), Unsupported::Refuse);
    let (one, two) = (api("one", &["a.test"]), api("one", &["b.test"]));
    let mut with_canary = of_deployment("prod", "dep001");
    let settings = CanarySettings {
        percent_traffic: 10.0,
        deployment_id: Some(DeploymentId("dep002".to_owned())),
        ..CanarySettings::default()
    };
    with_canary.canary_settings = Some(settings);
    let source = StageSource { definition: &one, stage: &with_canary, canary: Some(&two) };
    let compiled = compiler.stage(source).expect("both can be served");
    let promoted = compiled_stage(&mut compiler, &two, &of_deployment("prod", "dep002"));
    let canary = compiled.canary().expect("it has one");
    assert!(Arc::ptr_eq(&canary.methods, &promoted.plan().methods), "a promotion compiles nothing");
    let plan = compiler.plan([&compiled, &promoted], false, 5);
    let ids: Vec<_> = plan.stages.iter().map(|stage| &*stage.deployment_id).collect();
    assert_eq!(ids, ["dep001", "dep002", "dep002"]);
    assert_eq!(plan.addressed().count(), 2);
    assert_eq!([0, u32::MAX].map(|draw| plan.release(StageIndex(0), || draw).0), [1, 0]);
}

#[test]
fn a_deployment_without_an_id_is_known_by_its_plan() {
    let mut compiler = Compiler::new(Limits::default(), Unsupported::Refuse);
    let compiled = compiled_stage(&mut compiler, &api("one", &["a.test"]), &stage());
    let ids = [7, 8].map(|generation| compiler.plan([&compiled], true, generation).stages[0].deployment_id.to_string());
    assert_eq!(ids, ["000007", "000008"]);
}

#[test]
fn models_and_patterns_are_shared_by_content() {
    let with_model = |id: &str, schema: &str| {
        let mut definition = validated(&[]);
        definition.rest_api.id = RestApiId(id.to_owned());
        definition.request_validators[0].validate_request_body = true;
        let method = definition.resources[0].resource_methods.get_mut("ANY").expect("the method");
        method.request_models = map(&[("application/json", "Pet")]);
        let integration = method.method_integration.as_mut().expect("its integration");
        integration.integration_responses["200"].selection_pattern = Some("2..".to_owned());
        let (name, schema) = ("Pet".to_owned(), schema.to_owned());
        definition.models = vec![crate::model::Model { name, schema, ..crate::model::Model::default() }];
        definition
    };
    let mut compiler = Compiler::new(Limits::default(), Unsupported::Refuse);
    let mut shared = |id, schema| {
        let stage = compiled_stage(&mut compiler, &with_model(id, schema), &of_deployment("prod", "dep001"));
        let method = &stage.plan().methods[0];
        let plan_integration::Integration::Mock(mock) = &method.integration else { panic!("a mock") };
        let schema = Arc::clone(&method.validator.as_ref().expect("a validator").models[0].1);
        (schema, mock.responses[0].pattern.clone().expect("a pattern"))
    };
    let (one, two) = (shared("one", r#"{"type": "object"}"#), shared("two", r#"{ "type":"object" }"#));
    let three = shared("three", r#"{"type": "array"}"#);
    assert!(Arc::ptr_eq(&one.0, &two.0) && !Arc::ptr_eq(&one.0, &three.0));
    assert!(Arc::ptr_eq(&one.1, &three.1));
}

#[test]
fn a_stage_that_is_refused_leaves_nothing_behind() {
    let mut compiler = Compiler::new(Limits::default(), Unsupported::Refuse);
    let broken = || api("one", &["a..test"]);
    for _ in 0..2 {
        let stage = of_deployment("prod", "dep001");
        let source = StageSource { definition: &broken(), stage: &stage, canary: None };
        let problems = compiler.stage(source).expect_err("no such host");
        assert_eq!(problems.iter().map(|problem| problem.value.source).collect::<Vec<_>>(), [0]);
    }
}
