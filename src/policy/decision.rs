//! What comes of a resource policy together with an authorizer: AWS's tables. (Guide, `apigateway-authorization-flow`.)

use super::Verdict;

/// How a method is authorized, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// `NONE`.
    None,
    /// `CUSTOM`: the policy that a Lambda authorizer answered.
    Lambda(Verdict),
    /// `AWS_IAM`, by a caller of the API's own account: the caller's policies.
    Iam(Verdict),
    /// `AWS_IAM`, by a caller of another account.
    IamOfOtherAccount(Verdict),
    /// `COGNITO_USER_POOLS`, or another issuer of tokens: whether the token was accepted.
    Token { accepted: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Allow,
    /// Something denies.
    ExplicitDeny,
    /// Nothing allows.
    ImplicitDeny,
}

/// Whether a request is denied before its Lambda authorizer is asked: it is not asked then.
pub fn is_denied_beforehand(resource_policy: Option<Verdict>) -> bool {
    resource_policy == Some(Verdict::ExplicitDeny)
}

/// `resource_policy`: what the API's policy says; `None` where it has none.
pub fn decide(authorization: Authorization, resource_policy: Option<Verdict>) -> Decision {
    match (authorization, resource_policy) {
        (Authorization::None, None) => Decision::Allow,
        (Authorization::None, Some(policy)) => alone(policy),
        // Without a policy, nothing but the authorizer allows.
        (Authorization::Lambda(own) | Authorization::Iam(own), None) => alone(own),
        (Authorization::Lambda(own) | Authorization::Iam(own), Some(policy)) => table_a(own, policy),
        (Authorization::IamOfOtherAccount(own), policy) => table_b(own, policy.unwrap_or(Verdict::Neutral)),
        (Authorization::Token { accepted: false }, _) => Decision::ImplicitDeny,
        (Authorization::Token { accepted: true }, None) => Decision::Allow,
        // By itself, and it has to allow: the page says so of Cognito, against the head of its own Table A.
        (Authorization::Token { accepted: true }, Some(policy)) => alone(policy),
    }
}

fn alone(verdict: Verdict) -> Decision {
    match verdict {
        Verdict::Allow => Decision::Allow,
        Verdict::ExplicitDeny => Decision::ExplicitDeny,
        Verdict::Neutral => Decision::ImplicitDeny,
    }
}

/// Account A calls an API of account A: either has to allow.
fn table_a(own: Verdict, policy: Verdict) -> Decision {
    match (own, policy) {
        (Verdict::ExplicitDeny, _) | (_, Verdict::ExplicitDeny) => Decision::ExplicitDeny,
        (Verdict::Allow, _) | (_, Verdict::Allow) => Decision::Allow,
        (Verdict::Neutral, Verdict::Neutral) => Decision::ImplicitDeny,
    }
}

/// Account B calls an API of account A: both have to allow.
fn table_b(own: Verdict, policy: Verdict) -> Decision {
    match (own, policy) {
        (Verdict::ExplicitDeny, _) | (_, Verdict::ExplicitDeny) => Decision::ExplicitDeny,
        (Verdict::Allow, Verdict::Allow) => Decision::Allow,
        (Verdict::Neutral, _) | (_, Verdict::Neutral) => Decision::ImplicitDeny,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOW: Verdict = Verdict::Allow;
    const NEITHER: Verdict = Verdict::Neutral;
    const DENY: Verdict = Verdict::ExplicitDeny;

    /// The rows, in the page's order.
    fn check(authorization: fn(Verdict) -> Authorization, rows: [(Verdict, Verdict, Decision); 9]) {
        for (own, policy, expected) in rows {
            assert_eq!(decide(authorization(own), Some(policy)), expected, "{own:?} and {policy:?}");
        }
    }

    #[test]
    fn table_a_either_allows() {
        let rows = [
            (ALLOW, ALLOW, Decision::Allow),
            (ALLOW, NEITHER, Decision::Allow),
            (ALLOW, DENY, Decision::ExplicitDeny),
            (NEITHER, ALLOW, Decision::Allow),
            (NEITHER, NEITHER, Decision::ImplicitDeny),
            (NEITHER, DENY, Decision::ExplicitDeny),
            (DENY, ALLOW, Decision::ExplicitDeny),
            (DENY, NEITHER, Decision::ExplicitDeny),
            (DENY, DENY, Decision::ExplicitDeny),
        ];
        check(Authorization::Iam, rows);
        check(Authorization::Lambda, rows);
    }

    #[test]
    fn table_b_both_allow() {
        let rows = [
            (ALLOW, ALLOW, Decision::Allow),
            (ALLOW, NEITHER, Decision::ImplicitDeny),
            (ALLOW, DENY, Decision::ExplicitDeny),
            (NEITHER, ALLOW, Decision::ImplicitDeny),
            (NEITHER, NEITHER, Decision::ImplicitDeny),
            (NEITHER, DENY, Decision::ExplicitDeny),
            (DENY, ALLOW, Decision::ExplicitDeny),
            (DENY, NEITHER, Decision::ExplicitDeny),
            (DENY, DENY, Decision::ExplicitDeny),
        ];
        check(Authorization::IamOfOtherAccount, rows);
    }

    #[test]
    fn a_resource_policy_alone_has_to_allow() {
        assert_eq!(decide(Authorization::None, None), Decision::Allow);
        assert_eq!(decide(Authorization::None, Some(ALLOW)), Decision::Allow);
        assert_eq!(decide(Authorization::None, Some(NEITHER)), Decision::ImplicitDeny);
        assert_eq!(decide(Authorization::None, Some(DENY)), Decision::ExplicitDeny);
    }

    #[test]
    fn beside_a_token_the_resource_policy_has_to_allow() {
        let accepted = Authorization::Token { accepted: true };
        assert_eq!(decide(accepted, None), Decision::Allow);
        assert_eq!(decide(accepted, Some(ALLOW)), Decision::Allow);
        assert_eq!(decide(accepted, Some(NEITHER)), Decision::ImplicitDeny);
        assert_eq!(decide(accepted, Some(DENY)), Decision::ExplicitDeny);
        for policy in [None, Some(ALLOW), Some(NEITHER), Some(DENY)] {
            assert_eq!(decide(Authorization::Token { accepted: false }, policy), Decision::ImplicitDeny);
        }
    }

    #[test]
    fn without_a_resource_policy_the_authorizer_decides() {
        for authorization in [Authorization::Lambda, Authorization::Iam] {
            assert_eq!(decide(authorization(ALLOW), None), Decision::Allow);
            assert_eq!(decide(authorization(NEITHER), None), Decision::ImplicitDeny);
            assert_eq!(decide(authorization(DENY), None), Decision::ExplicitDeny);
        }
        assert_eq!(decide(Authorization::IamOfOtherAccount(ALLOW), None), Decision::ImplicitDeny);
    }

    #[test]
    fn only_an_explicit_deny_comes_before_the_authorizer() {
        assert!(is_denied_beforehand(Some(DENY)));
        for policy in [None, Some(ALLOW), Some(NEITHER)] {
            assert!(!is_denied_beforehand(policy));
        }
    }
}
