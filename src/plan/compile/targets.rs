//! Where what definitions name by ARN or id is asked: Lambda functions, services of AWS, VPC links.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use super::{Compilation, Compiler, uri};
use crate::jwt::verifier::TOKEN_BYTES_MAX;
use crate::model::Pointer;
use crate::plan::integration::Origin;
use crate::plan::lambda::FunctionCall;

/// What settings say of the places outside of the definitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// The Invoke API of this process's function host: where functions are that are nowhere else.
    pub function_host: Option<SocketAddr>,
    /// Functions that are elsewhere, by name.
    pub functions: HashMap<String, FunctionTarget>,
    /// Origins of services that are not where AWS has them, by the service's name in a URI.
    pub service_endpoints: BTreeMap<String, String>,
    /// Nothing can be signed.
    pub without_credentials: bool,
    /// Where VPC links lead, by their id, their name, or the ARN of their target: `http://10.0.0.5:8080`.
    pub vpc_links: HashMap<String, String>,
    /// Where all others are, in place of the function host.
    pub lambda: Option<FunctionTarget>,
    pub tokens: TokenOptions,
}

/// What settings say of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenOptions {
    pub token_bytes_max: usize,
    pub leeway_s: u32,
    /// Where user pools are that are not AWS's.
    pub cognito_endpoint: Option<String>,
}

impl Default for TokenOptions {
    fn default() -> TokenOptions {
        TokenOptions { token_bytes_max: TOKEN_BYTES_MAX, leeway_s: 0, cognito_endpoint: None }
    }
}

/// What else than its id a VPC link is known by: its name, and its targets' ARNs.
pub type VpcLinkNames = BTreeMap<String, Vec<String>>;

/// Another place that speaks the Invoke API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionTarget {
    /// `http://emulator:8080`, without a path of its own, or with one that stands before the API's.
    pub url: String,
    /// How the place knows the function, where it has another name there: the runtime interface emulator calls all `function`.
    pub name: Option<String>,
    /// Whether requests are to be signed, for the region in the function's ARN.
    pub signed: bool,
}

/// A function as an ARN, or the URI of an integration or authorizer, names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionName<'t> {
    pub region: &'t str,
    pub account_id: &'t str,
    pub name: &'t str,
    /// A version or an alias.
    pub qualifier: Option<&'t str>,
}

impl<'t> FunctionName<'t> {
    /// From `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]`.
    pub fn of_arn(arn: &'t str) -> Option<FunctionName<'t>> {
        let mut parts = arn.split(':');
        let mut next = || parts.next();
        let head = [next()?, next()?, next()?];
        let [region, account_id] = [next()?, next()?];
        let (kind, name, qualifier) = (next()?, next()?, next());
        let partition = head[1] == "aws" || head[1].starts_with("aws-");
        let word = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let version = |text: &str| text == "$LATEST" || word(text);
        let sound = head[0] == "arn"
            && partition
            && head[2] == "lambda"
            && kind == "function"
            && word(region)
            && account_id.len() == 12
            && account_id.bytes().all(|byte| byte.is_ascii_digit())
            && word(name)
            && name.len() <= 140
            && qualifier.is_none_or(version)
            && next().is_none();
        sound.then_some(FunctionName { region, account_id, name, qualifier })
    }

    /// From `arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`, or the form for streams,
    /// `…path/2021-11-15/functions/ARN/response-streaming-invocations`.
    pub fn of_uri(uri: &'t str) -> Option<FunctionName<'t>> {
        let mut parts = uri.splitn(6, ':');
        let head = [parts.next()?, parts.next()?, parts.next()?];
        let [_region, service, path] = [parts.next()?, parts.next()?, parts.next()?];
        let of_gateway = head[0] == "arn" && head[1].starts_with("aws") && head[2] == "apigateway";
        if !of_gateway || service != "lambda" {
            return None;
        }
        let path = path.strip_prefix("path/")?;
        let invoked = path.strip_prefix("2015-03-31/functions/").and_then(|rest| rest.strip_suffix("/invocations"));
        let streamed = path
            .strip_prefix("2021-11-15/functions/")
            .and_then(|rest| rest.strip_suffix("/response-streaming-invocations"));
        FunctionName::of_arn(invoked.or(streamed)?)
    }
}

impl Compiler {
    /// The names of the links that were made by the management API, by their ids: for the stages that are compiled from
    /// now on.
    pub fn know_vpc_links(&mut self, names: VpcLinkNames) {
        self.vpc_link_names = names;
    }

    /// Where a VPC link leads; of one that reaches several load balancers, where that one is.
    pub(super) fn vpc_link(&self, id: &str, target: Option<&str>) -> Option<String> {
        let links = &self.targets.as_ref()?.vpc_links;
        let names = self.vpc_link_names.get(id).map_or(&[][..], Vec::as_slice);
        let mut known_by = target.into_iter().chain([id]).chain(names.iter().map(String::as_str));
        known_by.find_map(|name| links.get(name)).cloned()
    }
}

const URI_HELP: &str = "write `arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/arn:aws:lambda:REGION:ACCOUNT:function:NAME/invocations`";

impl Compilation<'_> {
    /// How the function is invoked that a URI names, stage variables being put in; `None` where that is refused.
    pub(super) fn function(&mut self, uri: &str, pointer: &Pointer) -> Option<FunctionCall> {
        let Some(named) = FunctionName::of_uri(uri) else {
            self.refuse_or_deny(pointer.clone(), format!("`{uri}` does not name a Lambda function")).help(URI_HELP);
            return None;
        };
        let targets = self.compiler.targets.clone().unwrap_or_default();
        let target = targets.functions.get(named.name).or(targets.lambda.as_ref());
        let (origin, prefix) = match (target, targets.function_host) {
            (Some(target), _) => match uri::parse(&target.url) {
                Ok(parsed) => {
                    let prefix: String = parsed
                        .path
                        .iter()
                        .map(|part| match part {
                            uri::UriPart::Literal(text) => text.trim_end_matches('/'),
                            uri::UriPart::Parameter(_) => "",
                        })
                        .collect();
                    (
                        Origin {
                            tls: parsed.tls,
                            host: parsed.host,
                            port: parsed.port,
                            authority: parsed.authority,
                            insecure_skip_verification: false,
                        },
                        prefix,
                    )
                }
                Err(refused) => {
                    self.refuse(pointer.clone(), refused.message).help(refused.help);
                    return None;
                }
            },
            (None, Some(host)) => (
                Origin {
                    tls: false,
                    host: host.ip().to_string().into(),
                    port: host.port(),
                    authority: host.to_string().into(),
                    insecure_skip_verification: false,
                },
                String::new(),
            ),
            (None, None) => {
                let message = format!("there is nowhere to invoke the function `{}`", named.name);
                let help = "describe it in `functions.list`, or say in `lambda.targets` where it is";
                self.refuse_or_deny(pointer.clone(), message).help(help);
                return None;
            }
        };
        self.signs |= target.is_some_and(|target| target.signed);
        let name = target.and_then(|target| target.name.as_deref()).unwrap_or(named.name);
        let qualifier = named.qualifier.map(|qualifier| format!("?Qualifier={}", qualifier.replace('$', "%24")));
        let qualifier = qualifier.unwrap_or_default();
        let function = match named.qualifier {
            Some(qualifier) => format!("{}:{qualifier}", named.name),
            None => named.name.to_owned(),
        };
        Some(FunctionCall {
            function: function.into(),
            origin: self.origins.index(origin),
            path: format!("{prefix}/2015-03-31/functions/{name}/invocations{qualifier}").into(),
            streaming_path: format!("{prefix}/2021-11-15/functions/{name}/response-streaming-invocations{qualifier}")
                .into(),
            signed_for: target.filter(|target| target.signed).map(|_| named.region.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_named_by_uris() {
        #[track_caller]
        fn check(uri: &str, expected: Option<(&str, Option<&str>)>) {
            let found = FunctionName::of_uri(uri).map(|named| (named.name, named.qualifier));
            assert_eq!(found, expected, "{uri}");
        }
        let uri =
            |arn: &str| format!("arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{arn}/invocations");
        let plain = "arn:aws:lambda:eu-west-1:123456789012:function:orders";
        check(&uri(plain), Some(("orders", None)));
        check(&uri(&format!("{plain}:live")), Some(("orders", Some("live"))));
        check(&uri(&format!("{plain}:$LATEST")), Some(("orders", Some("$LATEST"))));
        check(&uri(&format!("{plain}:a:b")), None);
        check(&uri("arn:aws:lambda:eu-west-1:1:function:orders"), None);
        check(&uri("arn:aws:lambda:eu-west-1:123456789012:function:"), None);
        check(&uri("arn:aws:lambda:eu-west-1:123456789012:function:a/../b"), None);
        check(&uri(plain).replace("aws:", "aws-cn:"), Some(("orders", None)));
        check(plain, None);
        check(
            &format!(
                "arn:aws:apigateway:eu-west-1:lambda:path/2021-11-15/functions/{plain}/response-streaming-invocations"
            ),
            Some(("orders", None)),
        );
        check(&format!("arn:aws:apigateway:eu-west-1:sqs:path/2015-03-31/functions/{plain}/invocations"), None);
    }
}
