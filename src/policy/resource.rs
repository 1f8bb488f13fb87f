//! The ARNs that statements are about, and `arn:aws:execute-api:{region}:{account}:{api}/{stage}/{METHOD}/{path}`.
//! (IAM's guide, `reference_policies_elements_resource`; guide, `api-gateway-control-access-using-iam-policies-to-invoke-api`.)

use super::context::Context;
use super::template::{Part, Pattern};
use super::truth::Truth;

/// An API's own part of its methods' ARNs: `arn:{partition}:execute-api:{region}:{account_id}:{api_id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiArn<'a> {
    pub partition: &'a str,
    pub region: &'a str,
    pub account_id: &'a str,
    pub api_id: &'a str,
}

/// The partition that a region is in.
pub fn partition_of(region: &str) -> &'static str {
    match region {
        china if china.starts_with("cn-") => "aws-cn",
        government if government.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// What a resource policy may write for its own API's ARN.
const SHORT_FORM: &str = "execute-api:/";

impl ApiArn<'_> {
    /// The ARN that `execute-api:/stage/METHOD/path` stands for, as AWS keeps it; other texts stay as they are.
    pub fn expand(&self, resource: &str) -> String {
        match resource.strip_prefix(SHORT_FORM) {
            Some(rest) => format!("{}{rest}", self.prefix()),
            None => resource.to_owned(),
        }
    }

    /// What the ARN of each request to the API begins with, up to the stage's name.
    pub fn prefix(&self) -> String {
        let ApiArn { partition, region, account_id, api_id } = self;
        format!("arn:{partition}:execute-api:{region}:{account_id}:{api_id}/")
    }
}

/// What a statement is about.
#[derive(Debug)]
pub enum Resources {
    These(Box<[Resource]>),
    /// `NotResource`
    Others(Box<[Resource]>),
}

impl Resources {
    pub fn name(&self, arn: &str, context: &dyn Context) -> Truth {
        let (resources, negated) = match self {
            Resources::These(resources) => (resources, false),
            Resources::Others(resources) => (resources, true),
        };
        Truth::any(resources.iter().map(|resource| resource.matches(arn, context))).negated_if(negated)
    }
}

/// A pattern of ARNs. `*` crosses slashes and colons.
///
/// The path in a request's ARN is the client's, and may have colons. Where a wildcard before the fifth colon
/// (`arn:aws:execute-api:*:*:api/prod/GET/pets`) matches only because it runs into the path, it is not known what was
/// meant: the statement applies if it denies, and does not if it allows. AWS does not tell these apart.
#[derive(Debug)]
pub struct Resource {
    whole: Pattern,
    /// Where it has wildcards before the fifth colon.
    by_part: Option<ArnPattern>,
}

impl Resource {
    /// # Errors
    /// What is wrong with it.
    pub fn new(parts: Vec<Part>) -> Result<Resource, &'static str> {
        let all = matches!(parts[..], [Part::Any]);
        let begins = matches!(parts.first(), Some(Part::Text(text)) if text.starts_with("arn:"));
        if !all && !begins {
            return Err("is neither `*` nor an ARN");
        }
        let odd = |text: &str| text.chars().any(|character| character.is_control() || character.is_whitespace());
        if parts.iter().any(|part| matches!(part, Part::Text(text) if odd(text))) {
            return Err("has white space in it, as no ARN has");
        }
        let split = split_at_colons(&parts);
        if split.len() < 6 && !parts.contains(&Part::Any) {
            return Err("is not an ARN: it has fewer than six parts");
        }
        let head = &split[..split.len().min(5)];
        if head.iter().flatten().any(|part| matches!(part, Part::Variable(_))) {
            return Err("has a variable before the fifth colon of the ARN");
        }
        let is_wild = head.iter().flatten().any(|part| matches!(part, Part::Any | Part::One));
        let by_part = if is_wild { ArnPattern::of_parts(split) } else { None };
        Ok(Resource { whole: Pattern::new(parts), by_part })
    }

    fn matches(&self, arn: &str, context: &dyn Context) -> Truth {
        match (self.whole.matches(arn, context), &self.by_part) {
            (Truth::Yes, Some(by_part)) if by_part.matches(arn, context) != Truth::Yes => Truth::Unknown,
            (matched, _) => matched,
        }
    }
}

/// A pattern of ARNs whose six parts are compared one by one, as `ArnLike` does. The last may have colons.
#[derive(Debug)]
pub struct ArnPattern {
    parts: [Pattern; 6],
}

impl ArnPattern {
    /// `None` if it has fewer parts.
    pub fn new(parts: Vec<Part>) -> Option<ArnPattern> {
        let split = split_at_colons(&parts);
        let is_arn = matches!(&split[0][..], [Part::Text(text)] if text == "arn");
        ArnPattern::of_parts(split).filter(|_| is_arn)
    }

    fn of_parts(split: Vec<Vec<Part>>) -> Option<ArnPattern> {
        let parts: Vec<Pattern> = split.into_iter().map(Pattern::new).collect();
        parts.try_into().ok().map(|parts| ArnPattern { parts })
    }

    pub fn matches(&self, arn: &str, context: &dyn Context) -> Truth {
        let mut texts = arn.splitn(6, ':');
        Truth::all(self.parts.iter().map(|pattern| match texts.next() {
            Some(text) => pattern.matches(text, context),
            None => Truth::No,
        }))
    }
}

/// At the first five.
fn split_at_colons(parts: &[Part]) -> Vec<Vec<Part>> {
    let mut split = vec![Vec::new()];
    for part in parts {
        let Part::Text(text) = part else {
            split.last_mut().expect("there is one from the beginning on").push(part.clone());
            continue;
        };
        let left = 6 - split.len();
        for (at, piece) in text.splitn(left + 1, ':').enumerate() {
            if at > 0 {
                split.push(Vec::new());
            }
            if !piece.is_empty() {
                split.last_mut().expect("there is one from the beginning on").push(Part::Text(piece.to_owned()));
            }
        }
    }
    split
}

/// How much of what begins with `prefix` a pattern matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    Nothing,
    Some,
    Everything,
}

/// Variables may stand for anything.
pub fn coverage(parts: &[Part], prefix: &str) -> Coverage {
    let tokens = tokens(parts);
    let mut at = vec![0];
    for character in prefix.chars() {
        let mut next = Vec::new();
        for from in behind_stars(&tokens, &at) {
            match tokens.get(from) {
                Some(Token::Any) => next.push(from),
                Some(Token::Character(expected)) if *expected != character => {}
                Some(Token::Character(_) | Token::One) => next.push(from + 1),
                None => {}
            }
        }
        next.sort_unstable();
        next.dedup();
        at = next;
    }
    let reached = behind_stars(&tokens, &at);
    // A variable is no promise.
    if parts.last() == Some(&Part::Any) && reached.contains(&(tokens.len() - 1)) {
        return Coverage::Everything;
    }
    if reached.iter().any(|at| *at < tokens.len()) { Coverage::Some } else { Coverage::Nothing }
}

#[derive(Clone, Copy, PartialEq)]
enum Token {
    Character(char),
    One,
    Any,
}

fn tokens(parts: &[Part]) -> Vec<Token> {
    let mut tokens = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => tokens.extend(text.chars().map(Token::Character)),
            Part::One => tokens.push(Token::One),
            Part::Any | Part::Variable(_) => tokens.push(Token::Any),
        }
    }
    tokens
}

/// The positions, and those that are reached from them where `*` stands for nothing.
fn behind_stars(tokens: &[Token], at: &[usize]) -> Vec<usize> {
    let mut all = at.to_vec();
    for from in at {
        let stars = tokens[*from..].iter().take_while(|token| **token == Token::Any).count();
        all.extend(from + 1..=from + stars);
    }
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: ApiArn<'_> =
        ApiArn { partition: "aws", region: "us-east-1", account_id: "123456789012", api_id: "abc123" };

    #[test]
    fn the_short_form_is_expanded_and_others_are_not() {
        let check = |short, expected| assert_eq!(API.expand(short), expected);
        check("execute-api:/*", "arn:aws:execute-api:us-east-1:123456789012:abc123/*");
        check("execute-api:/prod/GET/pets", "arn:aws:execute-api:us-east-1:123456789012:abc123/prod/GET/pets");
        check(
            "arn:aws:execute-api:us-east-1:123456789012:other/*",
            "arn:aws:execute-api:us-east-1:123456789012:other/*",
        );
        check("*", "*");
        check("execute-api:*", "execute-api:*");
    }

    #[track_caller]
    fn check_coverage(pattern: &str, expected: Coverage) {
        assert_eq!(coverage(&Part::with_wildcards(&API.expand(pattern)), &API.prefix()), expected, "{pattern}");
    }

    #[test]
    fn how_much_of_an_api_a_pattern_covers() {
        for pattern in
            ["*", "execute-api:/*", "arn:*", "arn:aws:execute-api:*:*:*", "arn:aws:execute-api:*:123456789012:abc*"]
        {
            check_coverage(pattern, Coverage::Everything);
        }
        for pattern in
            ["execute-api:/prod/*", "execute-api:/*/GET/pets", "arn:aws:execute-api:*:*:abc123/?*", "*/GET/*x"]
        {
            check_coverage(pattern, Coverage::Some);
        }
        for pattern in [
            "execute-api:/",
            "arn:aws:execute-api:us-east-1:123456789012:abc123",
            "arn:aws:execute-api:us-east-1:123456789012:other/*",
            "arn:aws:execute-api:eu-*:123456789012:abc123/*",
            "arn:aws:s3:::bucket/*",
        ] {
            check_coverage(pattern, Coverage::Nothing);
        }
    }
}
