//! Who calls, and whom a resource policy names. (IAM's guide, `reference_policies_elements_principal` and `…_notprincipal`.)

/// Who makes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal<'r> {
    /// Whoever has not signed it, whatever an authorizer has found out.
    Anonymous,
    Aws(AwsPrincipal<'r>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AwsPrincipal<'r> {
    /// Twelve digits.
    pub account_id: &'r str,
    /// `arn:aws:iam::123456789012:user/Alice`, or a session's `arn:aws:sts::123456789012:assumed-role/Admin/alice`.
    pub arn: &'r str,
    /// Of a role's session: `arn:aws:iam::123456789012:role/Admin`.
    pub role_arn: Option<&'r str>,
}

/// Whom a statement is about.
#[derive(Debug)]
pub enum Principals {
    These(Box<[Named]>),
    /// `NotPrincipal`, which goes with `Deny`.
    Others(Box<[Named]>),
}

#[derive(Debug, PartialEq, Eq)]
pub enum Named {
    Everybody,
    /// By its number, or as `arn:aws:iam::123456789012:root`.
    Account(Box<str>),
    /// A user, a role or a session.
    Arn(Box<str>),
}

impl Named {
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Named, &'static str> {
        if text == "*" {
            return Ok(Named::Everybody);
        }
        if is_account_id(text) {
            return Ok(Named::Account(text.into()));
        }
        if text.contains(['*', '?']) {
            return Err("has a wildcard, and a principal is named in full");
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, "", account_id, resource] = parts[..] else {
            return Err("is neither an account nor the ARN of an account, a user, a role or a session");
        };
        let kind = resource.split_once('/').filter(|(_, name)| !name.is_empty()).map(|(kind, _)| kind);
        let fits = match (service, kind) {
            ("iam", None) => resource == "root",
            ("iam", Some(kind)) => matches!(kind, "user" | "role"),
            ("sts", Some(kind)) => matches!(kind, "assumed-role" | "federated-user"),
            _ => false,
        };
        if !fits || !matches!(partition, "aws" | "aws-cn" | "aws-us-gov") || !is_account_id(account_id) {
            return Err("is not the ARN of an account, a user, a role or a session");
        }
        if resource == "root" { Ok(Named::Account(account_id.into())) } else { Ok(Named::Arn(text.into())) }
    }
}

fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Principals {
    pub fn name(&self, caller: &Principal<'_>) -> bool {
        match self {
            Principals::These(named) => named.iter().any(|named| match (named, caller) {
                (Named::Everybody, _) => true,
                (Named::Account(account_id), Principal::Aws(aws)) => **account_id == *aws.account_id,
                (Named::Arn(arn), Principal::Aws(aws)) => **arn == *aws.arn || Some(&**arn) == aws.role_arn,
                (Named::Account(_) | Named::Arn(_), Principal::Anonymous) => false,
            }),
            // AWS looks at the account, then at the role, then at the session: each has to be among those left out.
            Principals::Others(named) => match caller {
                Principal::Anonymous => !named.contains(&Named::Everybody),
                Principal::Aws(aws) => {
                    let has_arn =
                        |arn: &str| named.iter().any(|one| matches!(one, Named::Arn(named) if **named == *arn));
                    let has_account =
                        named.iter().any(|one| matches!(one, Named::Account(id) if **id == *aws.account_id));
                    let is_root = aws.arn.ends_with(":root");
                    let has_all = has_account && (is_root || has_arn(aws.arn)) && aws.role_arn.is_none_or(has_arn);
                    !has_all && !named.contains(&Named::Everybody)
                }
            },
        }
    }

    /// Whether there is nobody whom it is not about.
    pub fn are_everybody(&self) -> bool {
        match self {
            Principals::These(named) => named.contains(&Named::Everybody),
            Principals::Others(named) => named.is_empty(),
        }
    }
}
