//! What a method does with a request: send one to an HTTP origin or an AWS service, invoke a function, or answer from the
//! plan itself.

use std::sync::Arc;

use super::OriginIndex;
use super::content::ContentHandling;
use super::lambda::{LambdaIntegration, ServiceCall};
use super::protection::ProtectionIndex;
use super::template::{BodyPath, BodyTemplate, ValueSource};
use crate::vtl;

#[derive(Debug)]
pub enum Integration {
    Http(Box<HttpIntegration>),
    Mock(Box<MockIntegration>),
    /// `aws_proxy` with a Lambda function.
    Lambda(Box<LambdaIntegration>),
    Denied(Box<Denied>),
}

/// A place to connect to. Two methods with the same origin share its connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    pub tls: bool,
    /// Lower-case name, or an IP literal without brackets.
    pub host: Box<str>,
    pub port: u16,
    /// The `Host` field's value: the port only where it is not the scheme's own.
    pub authority: Box<str>,
    /// `tlsConfig.insecureSkipVerification`
    pub insecure_skip_verification: bool,
}

/// `http_proxy`, `http` and `aws`: the request to make and how its answer is read.
#[derive(Debug)]
pub struct HttpIntegration {
    pub origin: OriginIndex,
    /// What protects the origin; it is the first of several then.
    pub protection: Option<ProtectionIndex>,
    /// `http_proxy`: fields, query and answer pass through. `http`, `aws`: only what is mapped does.
    pub proxy: bool,
    /// `aws`: what is different where the origin is a service of AWS.
    pub service: Option<Box<ServiceCall>>,
    /// The method to send; `None` sends the client's own (`httpMethod: ANY`).
    pub http_method: Option<Box<str>>,
    /// Path of the integration's URI, always with its leading slash.
    pub path: Vec<PathPart>,
    /// The query that the URI itself has, without `?`; empty where it has none.
    pub query: Box<str>,
    /// `requestParameters` to `integration.request.querystring.*`; they replace the client's of the same name.
    pub query_parameters: Vec<MappedParameter>,
    /// `requestParameters` to `integration.request.header.*`; they replace the client's of the same name.
    pub headers: Vec<MappedParameter>,
    /// `http` only: `requestTemplates`, which make the body to send.
    pub request: RequestTemplates,
    /// What happens to the request's body before that.
    pub content_handling: Option<ContentHandling>,
    /// Whether templates or parameters need whole bodies: the request's, or the origin's answer's.
    pub mapped: bool,
    /// `responseTransferMode: STREAM`: the answer may be as long as it likes, and is not compressed.
    pub streams: bool,
    /// How long the answer's head may take, from the start of the integration. 50 or more.
    pub timeout_ms: u32,
    /// `http` only: how a status becomes a method response; first match decides.
    pub responses: Vec<IntegrationResponse>,
}

/// What becomes of a request's body.
#[derive(Debug, Default)]
pub struct RequestTemplates {
    /// By content type, in lower case, `application/json` first where it is there.
    pub templates: Vec<(Box<str>, Arc<vtl::Template>)>,
    pub passthrough: PassthroughBehavior,
}

/// A piece of the integration URI's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPart {
    /// Percent-encoded already.
    Literal(Box<str>),
    /// A mapped value, and its name in the URI; a value from the request's path is put in as it was matched, all others
    /// percent-encoded.
    Value(Box<str>, ValueSource),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedParameter {
    /// A header's name in lower case, or a query parameter's as written.
    pub name: Box<str>,
    pub source: ValueSource,
}

/// One entry of an integration's `responses`.
#[derive(Debug)]
pub struct IntegrationResponse {
    /// `selectionPattern`, anchored at both ends as AWS applies it; `None` is the default response.
    pub pattern: Option<Arc<regex::Regex>>,
    /// The method response's status.
    pub status: u16,
    /// `responseParameters` to `method.response.header.*`.
    pub headers: Vec<ResponseHeader>,
    /// `responseTemplates` by content type, in the document's order; empty passes the body on.
    pub templates: Vec<(Box<str>, BodyTemplate)>,
    pub content_handling: Option<ContentHandling>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHeader {
    /// As it is sent: the spelling of the document.
    pub name: Box<str>,
    pub source: ResponseSource,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseSource {
    Static(Box<str>),
    /// `integration.response.header.name`, in lower case.
    Header(Box<str>),
    /// `integration.response.multivalueheader.name`: all values of that name.
    MultiValueHeader(Box<str>),
    /// `integration.response.body`
    Body,
    /// `integration.response.body.path`
    BodyPath(BodyPath),
    Context(super::template::ContextVariable),
}

/// `mock`: the request template names a status, the status selects a response.
#[derive(Debug)]
pub struct MockIntegration {
    /// What the request template says, by content type in the document's order; the first also serves requests without
    /// a `Content-Type`, as `application/json` does in AWS.
    pub statuses: Vec<(Box<str>, MockTemplate)>,
    /// Whether templates need the request's body.
    pub mapped: bool,
    /// What happens to the request's body before templates see it.
    pub content_handling: Option<ContentHandling>,
    /// `passthroughBehavior`: whether a content type without a template is an error 415.
    pub passthrough: PassthroughBehavior,
    /// As in [`HttpIntegration::responses`].
    pub responses: Vec<IntegrationResponse>,
}

/// A method that needs what this version does not serve: everybody is answered 500, as by a method that is configured
/// wrongly. Boxed, since few methods are.
#[derive(Debug)]
pub struct Denied {
    /// What is not served; for the log, not for clients.
    pub reason: Box<str>,
}

/// A mock's request template.
#[derive(Debug)]
pub enum MockTemplate {
    /// It always says the same.
    Status(u16),
    Vtl(Arc<vtl::Template>),
}

/// What happens to a request for whose content type there is no template.
/// (Guide, `integration-passthrough-behaviors`.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PassthroughBehavior {
    #[default]
    WhenNoMatch,
    WhenNoTemplates,
    Never,
}

impl PassthroughBehavior {
    /// Whether the body passes through where no template fits; `any` says that there are templates for other types.
    pub fn passes(self, any: bool) -> bool {
        match self {
            PassthroughBehavior::WhenNoMatch => true,
            PassthroughBehavior::WhenNoTemplates => !any,
            PassthroughBehavior::Never => false,
        }
    }
}

impl Integration {
    /// Whether it can only begin when the whole body of the request is there.
    pub fn is_mapped(&self) -> bool {
        match self {
            Integration::Http(http) => http.mapped,
            Integration::Mock(mock) => mock.mapped,
            Integration::Lambda(_) => true,
            Integration::Denied(_) => false,
        }
    }

    /// What happens to a request's body.
    pub fn content_handling(&self) -> Option<ContentHandling> {
        match self {
            Integration::Http(http) => http.content_handling,
            Integration::Mock(mock) => mock.content_handling,
            // What is binary data is base64 in the event, whatever is asked for.
            Integration::Lambda(_) | Integration::Denied(_) => None,
        }
    }

    /// Why it answers nobody, where it does not.
    pub fn denied(&self) -> Option<&str> {
        match self {
            Integration::Http(_) | Integration::Mock(_) | Integration::Lambda(_) => None,
            Integration::Denied(denied) => Some(&denied.reason),
        }
    }

    /// Fields and bodies pass through.
    pub fn is_proxy(&self) -> bool {
        match self {
            Integration::Http(http) => http.proxy,
            Integration::Lambda(_) => true,
            Integration::Mock(_) | Integration::Denied(_) => false,
        }
    }
}

impl IntegrationResponse {
    /// Whether it takes anything from a body, or makes one by a template that may ask for the request.
    pub fn is_mapped(&self) -> bool {
        let templates = self.templates.iter().any(|(_, template)| matches!(template, BodyTemplate::Vtl(_)));
        let of_body = |header: &ResponseHeader| {
            let source = &header.source;
            matches!(source, ResponseSource::Body | ResponseSource::BodyPath(_))
        };
        templates || self.headers.iter().any(of_body)
    }
}
