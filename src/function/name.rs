//! How a function is called: by name, partial ARN or ARN, with a qualifier or without.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>, "FunctionName".

/// The most that AWS's pattern takes of a name in a request, percent-decoded.
const REFERENCE_LENGTH_MAX: usize = 170;

/// The longest name of a function.
pub const NAME_LENGTH_MAX: usize = 64;

/// A function as a caller names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    pub name: &'a str,
    /// A version or an alias; `None` where none was given.
    pub qualifier: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// `NAME`, `ACCOUNT:function:NAME` or `arn:aws:lambda:REGION:ACCOUNT:function:NAME`, each with `:QUALIFIER` or without.
    /// Region and account are of no matter: whoever names a function here means one of this host.
    pub fn parse(text: &'a str) -> Option<Reference<'a>> {
        if text.len() > REFERENCE_LENGTH_MAX {
            return None;
        }
        let rest = match text.split_once(":function:") {
            None => text,
            Some((before, rest)) if is_before_function(before) => rest,
            Some(_) => return None,
        };
        let (name, qualifier) = match rest.split_once(':') {
            None => (rest, None),
            Some((name, qualifier)) => (name, Some(qualifier)),
        };
        let sound = is_name(name) && qualifier.is_none_or(is_qualifier);
        sound.then_some(Reference { name, qualifier })
    }
}

/// What a function may be called: it names folders too.
pub fn is_name(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=NAME_LENGTH_MAX).contains(&text.len()) && text.bytes().all(letter)
}

/// A version or an alias.
pub fn is_qualifier(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text == LATEST || ((1..=128).contains(&text.len()) && text.bytes().all(letter))
}

/// The version that there always is.
pub const LATEST: &str = "$LATEST";

/// `ACCOUNT`, `arn:aws:lambda:REGION:ACCOUNT`.
fn is_before_function(text: &str) -> bool {
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.split(':').collect::<Vec<_>>()[..] {
        [account] => is_account(account),
        ["arn", partition, "lambda", region, account] => {
            partition.starts_with("aws") && !region.is_empty() && is_account(account)
        }
        _ => false,
    }
}

/// The ARN of a function, without a qualifier.
pub fn arn(region: &str, account_id: &str, name: &str) -> String {
    format!("arn:aws:lambda:{region}:{account_id}:function:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, Option<&str>)>) {
        let expected = expected.map(|(name, qualifier)| Reference { name, qualifier });
        assert_eq!(Reference::parse(text), expected, "{text}");
    }

    #[test]
    fn references() {
        check("pets", Some(("pets", None)));
        check("pets:prod", Some(("pets", Some("prod"))));
        check("pets:$LATEST", Some(("pets", Some("$LATEST"))));
        check("123456789012:function:pets", Some(("pets", None)));
        check("123456789012:function:pets:7", Some(("pets", Some("7"))));
        check("arn:aws:lambda:us-east-1:123456789012:function:pets", Some(("pets", None)));
        check("arn:aws-cn:lambda:cn-north-1:123456789012:function:pets:a-b", Some(("pets", Some("a-b"))));
        check("", None);
        check("a/b", None);
        check("..", None);
        check("pets:", None);
        check("pets:a:b", None);
        check("12:function:pets", None);
        check("arn:aws:sqs:us-east-1:123456789012:function:pets", None);
        check(&"a".repeat(65), None);
    }
}
