//! `x-tollgate-throttle`: which rules a method has, in which order, and which are refused.

use super::*;
use crate::model::ThrottleRule;
use crate::plan::throttle::{RuleKey, RuleLimit};

fn rate(rate_limit: f64, burst_limit: i32, per: Option<&str>) -> ThrottleRule {
    let per = per.map(str::to_owned);
    ThrottleRule { rate_limit: Some(rate_limit), burst_limit: Some(burst_limit), per, concurrency: None }
}

fn at_a_time(concurrency: i32) -> ThrottleRule {
    ThrottleRule { concurrency: Some(concurrency), ..ThrottleRule::default() }
}

fn with_rules(of_api: &[ThrottleRule], of_method: &[ThrottleRule]) -> ApiDefinition {
    let limited = Method { throttle: of_method.into(), ..method("GET", mock()) };
    let mut definition = definition(vec![resource("/a", vec![limited]), resource("/b", vec![method("GET", mock())])]);
    definition.rest_api.throttle = of_api.into();
    definition
}

#[test]
fn callers_are_asked_before_all_together() {
    let [claim, authorizer] = ["claim:sub", "context.authorizer.tenant"].map(|per| rate(6.0, 6, Some(per)));
    let of_api = [at_a_time(9), rate(1.0, 1, None), rate(2.0, 2, Some("clientIp")), claim, authorizer];
    let of_method = [rate(3.0, 3, None), rate(4.0, 4, Some("header:X-Tenant")), rate(5.0, 5, Some("clientIp"))];
    let plan = compiled(&with_rules(&of_api, &of_method)).expect("all can be served");
    let stage = &plan.stages[0];
    let shown = |method: &crate::plan::MethodPlan| -> Vec<String> {
        let shown = |rule: &crate::plan::throttle::Rule| match &rule.limit {
            RuleLimit::PerKey { key: RuleKey::ClientIp, rate } => format!("clientIp {}", rate.burst()),
            RuleLimit::PerKey { key: RuleKey::Header(name), rate } => format!("{name} {}", rate.burst()),
            RuleLimit::PerKey { key: RuleKey::Claim(name), rate } => format!("claim {name} {}", rate.burst()),
            RuleLimit::PerKey { key: RuleKey::Authorizer(name), rate } => format!("said {name} {}", rate.burst()),
            RuleLimit::Rate(rate) => format!("{}", rate.burst()),
            RuleLimit::Concurrency(max) => format!("at a time {max}"),
        };
        method.rules.iter().map(|index| shown(&stage.rules[usize::from(index.0)])).collect()
    };
    let said = ["claim sub 6", "said tenant 6"];
    let own = ["x-tenant 4", "clientIp 5", "clientIp 2", said[0], said[1], "3", "1", "at a time 9"];
    assert_eq!(shown(&stage.methods[0]), own);
    assert_eq!(shown(&stage.methods[1]), ["clientIp 2", said[0], said[1], "1", "at a time 9"]);
    assert_eq!(stage.rules.len(), 8);
}

#[test]
fn a_rule_stays_the_same_when_its_numbers_change() {
    let identities = |rules: &[ThrottleRule]| -> Vec<String> {
        let plan = compiled(&with_rules(rules, rules)).expect("all can be served");
        plan.stages[0].rules.iter().map(|rule| rule.identity.to_string()).collect()
    };
    let few = identities(&[rate(1.0, 1, Some("clientIp")), rate(60.0, 9, Some("clientIp")), at_a_time(1)]);
    let more = identities(&[rate(2.0, 7, Some("clientIp")), at_a_time(8), rate(61.0, 9, Some("clientIp"))]);
    let sorted = |mut all: Vec<String>| {
        all.sort();
        all
    };
    assert_eq!(sorted(few.clone()), sorted(more));
    assert_eq!(few.iter().collect::<std::collections::HashSet<_>>().len(), 6);
}

#[test]
fn what_cannot_be_held_is_refused_where_it_stands() {
    #[track_caller]
    fn check(rule: ThrottleRule, expected: &str) {
        let of_api = format!("/restApi/x-tollgate-throttle/0{expected}");
        check_refused(&with_rules(std::slice::from_ref(&rule), &[]), &[&of_api]);
        let problems = compiled(&with_rules(&[at_a_time(1)], &[rule])).map(|_| ()).expect_err("the same of a method");
        assert!(problems[0].ends_with(&format!("/x-tollgate-throttle/0{expected}")), "{problems:?}");
    }
    check(
        rate(-1.0, 5, None),
        "/rateLimit: the limit cannot be used: a rate limit of -1; 0 or a positive number is possible",
    );
    check(rate(1.0, -5, None), "/burstLimit: the limit cannot be used: a burst limit of -5; 0 or more is possible");
    check(at_a_time(0), "/concurrency: a concurrency of 0 cannot be used");
    check(at_a_time(-3), "/concurrency: a concurrency of -3 cannot be used");
    check(rate(1.0, 1, Some("claim:")), "/per: `claim:` is nothing to tell callers apart by");
    check(rate(1.0, 1, Some("context.authorizer.")), "/per: `context.authorizer.` is nothing to tell callers apart by");
    check(rate(1.0, 1, Some("header:")), "/per: `` cannot be a header's name");
    check(rate(1.0, 1, Some("header:X Y")), "/per: `X Y` cannot be a header's name");
    check(rate(1.0, 1, Some("ClientIP")), "/per: `ClientIP` is nothing to tell callers apart by");
    check(
        ThrottleRule { per: Some("clientIp".to_owned()), ..at_a_time(1) },
        "/per: `per` has no effect beside `concurrency`",
    );
    check(
        ThrottleRule { rate_limit: Some(1.0), ..at_a_time(1) },
        "/rateLimit: `rateLimit` has no effect beside `concurrency`",
    );
    let nothing = ": a rule has no limit: it needs `rateLimit` and `burstLimit`, or `concurrency`";
    check(ThrottleRule { burst_limit: None, ..rate(1.0, 1, None) }, nothing);
    check(ThrottleRule::default(), nothing);
    let nine = vec![at_a_time(1); 9];
    check_refused(&with_rules(&nine, &[]), &["/restApi/x-tollgate-throttle: `x-tollgate-throttle` has 9 rules"]);
}
