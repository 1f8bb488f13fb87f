//! Integrations with AWS's services: `aws_proxy` with Lambda, `aws` with any. (Guide, `getting-started-aws-proxy`,
//! `how-to-integration-settings`, `set-up-lambda-proxy-integrations`, `set-up-lambda-custom-integrations`.)

use std::collections::BTreeMap;

use super::{Context, HttpIntegration, RequestParameters, content_handling};
use crate::model::aws_service::{self, EndpointError, Protocol, ServiceEndpoint};
use crate::model::aws_uri::{AwsTarget, AwsUri, AwsUriError, LambdaInvocation};
use crate::model::{IntegrationType, TlsConfig};
use crate::plan::compile::uri::{self, Uri, UriPart};
use crate::plan::integration::Origin;
use crate::plan::lambda::{FunctionCall, LambdaIntegration, SelectsBy, ServiceCall, SignatureScope};

/// Whoever calls, in the place of a role: his own credentials are never seen here, only that he has them.
const CALLERS_OWN: &str = ":user/*";

impl Context<'_, '_, '_> {
    /// A role is what AWS would take on; requests are signed with the gateway's own credentials.
    pub(super) fn refuse_odd_credentials(&mut self) {
        let Some(credentials) = &self.integration.credentials else { return };
        match self.integration.integration_type {
            IntegrationType::Aws | IntegrationType::AwsProxy if credentials.ends_with(CALLERS_OWN) => {
                let message = "a caller's own credentials cannot be passed on: nobody sends his secret";
                self.refuse_or_deny(
                    "credentials",
                    message,
                    "name a role, such as `arn:aws:iam::123456789012:role/api`",
                );
            }
            IntegrationType::Aws | IntegrationType::AwsProxy => {}
            IntegrationType::Http | IntegrationType::HttpProxy | IntegrationType::Mock => {
                let message = "only requests to AWS's services are signed with `credentials`";
                self.refuse_or_deny("credentials", message, "take `credentials` away");
            }
        }
    }

    /// `aws_proxy`. Requests and answers are not mapped, whatever is written for it: AWS passes over that.
    pub(super) fn lambda(&mut self) -> Option<LambdaIntegration> {
        let timeout_ms = self.timeout_ms();
        let (text, uri) = self.aws_uri()?;
        if !uri.is_lambda() {
            let message = "integrations of type `aws_proxy` call Lambda functions, and no other service";
            self.refuse_or_deny("uri", message, "use `type: aws`");
            return None;
        }
        let call = self.function(&text, &uri)?;
        Some(LambdaIntegration { call, streams: self.streams(), timeout_ms, operation_name: None })
    }

    /// `aws`: a request like that of `http`, made for a service.
    pub(super) fn aws(&mut self) -> Option<HttpIntegration> {
        let timeout_ms = self.timeout_ms();
        let http_method = self.http_method();
        let parameters = self.request_parameters();
        self.refuse_without_responses("aws");
        let (text, uri) = self.aws_uri()?;
        let request = self.request_templates();
        let responses = self.responses();
        let target = match uri.is_lambda() {
            true => self.function(&text, &uri).map(|call| of_function(&call)),
            false => self.service(&uri, &parameters),
        };
        let Target { origin, path, query, service } = target?;
        let origin = match origin {
            TargetOrigin::Known(index) => index,
            TargetOrigin::New(origin) => self.compilation.origins.index(origin),
        };
        let path = self.path_parts(path, &parameters.path);
        Some(HttpIntegration {
            origin,
            protection: None,
            proxy: false,
            service: Some(Box::new(service)),
            http_method: http_method?,
            path: path?,
            query,
            query_parameters: parameters.query,
            headers: parameters.headers,
            request,
            content_handling: content_handling(self.integration.content_handling),
            // A signature is of the whole body.
            mapped: true,
            streams: false,
            timeout_ms,
            responses,
        })
    }

    fn aws_uri(&mut self) -> Option<(String, AwsUri)> {
        if self
            .integration
            .tls_config
            .as_ref()
            .is_some_and(|TlsConfig { insecure_skip_verification }| *insecure_skip_verification)
        {
            self.refuse("tlsConfig", "the certificates of AWS's services are always verified", "take `tlsConfig` away");
        }
        let Some(text) = &self.integration.uri else {
            let help = "add `uri: arn:aws:apigateway:REGION:SERVICE:path/…`, or `…:action/NAME`";
            self.refuse("", "the integration has no `uri`", help);
            return None;
        };
        let text = self.with_variables("uri", text)?;
        match AwsUri::parse(&text) {
            Ok(uri) => Some((text, uri)),
            Err(AwsUriError { message, help }) => {
                self.refuse_or_deny("uri", message, help);
                None
            }
        }
    }

    /// How the function of a Lambda URI is invoked.
    fn function(&mut self, text: &str, uri: &AwsUri) -> Option<FunctionCall> {
        let named = match uri.lambda() {
            Ok(Some(named)) => named,
            Ok(None) => return None,
            Err(AwsUriError { message, help }) => {
                self.refuse_or_deny("uri", message, help);
                return None;
            }
        };
        match (named.invocation, self.streams()) {
            (LambdaInvocation::Invoke, false) | (LambdaInvocation::InvokeWithResponseStream, true) => {}
            (LambdaInvocation::Invoke, true) => {
                let help = "write `path/2021-11-15/functions/…/response-streaming-invocations`";
                self.refuse("uri", "a function whose answer is streamed is invoked by another path", help);
            }
            (LambdaInvocation::InvokeWithResponseStream, false) => {
                let help = "write `responseTransferMode: STREAM`, or `path/2015-03-31/functions/…/invocations`";
                self.refuse("uri", "`response-streaming-invocations` is for answers that are streamed", help);
            }
        }
        // AWS deploys it, and answers 500.
        if self.integration.http_method.as_deref() != Some("POST") {
            self.refuse_or_deny("httpMethod", "functions are invoked by POST only", "write `httpMethod: POST`");
        }
        let call = self.compilation.function(text, &self.pointer.child("uri"))?;
        if call.signed_for.is_some() && self.without_credentials() {
            self.refuse_unsigned("lambda");
        }
        Some(call)
    }

    fn without_credentials(&self) -> bool {
        self.compilation.compiler.targets.as_ref().is_some_and(|targets| targets.without_credentials)
    }

    fn refuse_unsigned(&mut self, service: &str) {
        let message =
            format!("requests to `{service}` have to be signed, and there are no credentials to do that with");
        self.refuse_or_deny("uri", message, "set `aws.credentials` to where they come from");
    }

    fn service(&mut self, uri: &AwsUri, parameters: &RequestParameters) -> Option<Target> {
        let targets = self.compilation.compiler.targets.clone();
        let none = BTreeMap::new();
        let overrides = targets.as_ref().map_or(&none, |targets| &targets.service_endpoints);
        let AwsUri { region, subdomain, service, target, .. } = uri;
        let ServiceEndpoint { origin, signing_name, protocol } =
            match aws_service::service_endpoint(service, subdomain.as_deref(), region, overrides) {
                Ok(endpoint) => endpoint,
                Err(error) => {
                    self.refuse_endpoint(uri, error);
                    return None;
                }
            };
        let is_local = overrides.contains_key(&full_name(uri));
        if self.without_credentials() && !is_local {
            self.refuse_unsigned(service);
        }
        let signed = !self.without_credentials();
        self.compilation.signs |= signed;
        let (path, made_query, target, content_type) = match target {
            AwsTarget::Path(path) => (path.as_str(), String::new(), None, None),
            AwsTarget::Action { name, query } => {
                let (query, target) = match protocol {
                    Protocol::Json { target_prefix, .. } => (query.clone(), Some(format!("{target_prefix}.{name}"))),
                    Protocol::Query { version } => {
                        // Whoever maps a version, means it.
                        let mapped = parameters.query.iter().any(|mapped| &*mapped.name == "Version");
                        let version = if mapped { String::new() } else { format!("&Version={version}") };
                        let rest = if query.is_empty() { String::new() } else { format!("&{query}") };
                        (format!("Action={name}{version}{rest}"), None)
                    }
                    Protocol::Rest => {
                        let message = format!("`{service}` has a path for each of its operations, and no `action/`");
                        self.refuse("uri", message, "write `path/…`, as the service's own reference does");
                        return None;
                    }
                };
                // A form is told from the query by whoever writes one.
                let content_type = target.as_ref().and(protocol.content_type());
                ("/", query, target, content_type)
            }
        };
        let separator = if made_query.is_empty() { "" } else { "?" };
        let parsed = match uri::parse(&format!("{origin}{path}{separator}{made_query}")) {
            Ok(parsed) => parsed,
            Err(refused) => {
                self.refuse_expression(self.pointer.child("uri"), refused);
                return None;
            }
        };
        let Uri { tls, host, port, authority, path, query } = parsed;
        let scope = SignatureScope { region: region.as_str().into(), service: signing_name.into() };
        Some(Target {
            origin: TargetOrigin::New(Origin { tls, host, port, authority, insecure_skip_verification: false }),
            path,
            query,
            service: ServiceCall {
                selects_by: SelectsBy::Status,
                signed_for: signed.then_some(scope),
                target: target.map(Into::into),
                content_type: content_type.map(Into::into),
            },
        })
    }

    fn refuse_endpoint(&mut self, uri: &AwsUri, error: EndpointError) {
        let name = full_name(uri);
        let message = match error {
            EndpointError::UnknownService => format!("nobody says where the service `{name}` is"),
            EndpointError::Subdomain => format!("`aws.endpoints` has `{}`, but not `{name}`", uri.service),
        };
        let help = format!("add it to `aws.endpoints`, such as `{{ \"{name}\" = \"http://127.0.0.1:4566\" }}`");
        self.refuse_or_deny("uri", message, &help);
    }
}

/// As in the URI, with its subdomain.
fn full_name(uri: &AwsUri) -> String {
    match &uri.subdomain {
        Some(subdomain) => format!("{subdomain}.{}", uri.service),
        None => uri.service.clone(),
    }
}

/// Where a request goes to.
struct Target {
    origin: TargetOrigin,
    path: Vec<UriPart>,
    query: Box<str>,
    service: ServiceCall,
}

enum TargetOrigin {
    Known(crate::plan::OriginIndex),
    New(Origin),
}

fn of_function(call: &FunctionCall) -> Target {
    let (path, query) = call.path.split_once('?').unwrap_or((&call.path, ""));
    let signed_for =
        call.signed_for.as_ref().map(|region| SignatureScope { region: region.clone(), service: "lambda".into() });
    Target {
        origin: TargetOrigin::Known(call.origin),
        path: vec![UriPart::Literal(path.into())],
        query: query.into(),
        service: ServiceCall { selects_by: SelectsBy::ErrorMessage, signed_for, target: None, content_type: None },
    }
}
