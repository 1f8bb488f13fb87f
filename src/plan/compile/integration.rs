//! An integration. What is not served of one is refused by name; [`service`] has those with AWS's services, [`vpc_link`] the
//! private ones.
//! (Guide, `api-gateway-integration-settings`, `api-gateway-swagger-extensions-integration`.)

mod service;
mod vpc_link;

use std::sync::Arc;

use super::content::content_handling;
use super::protection::{self, Protects};
use super::shared::TextKey;
use super::uri::{self, UriPart};
use super::{Compilation, StageSource, expression};
use crate::model::{self, IntegrationType, Pointer, ResponseTransferMode, StageVariables};
use crate::plan::OriginIndex;
use crate::plan::content::ContentHandling;
use crate::plan::integration::{
    HttpIntegration, Integration, IntegrationResponse, MappedParameter, MockIntegration, MockTemplate, Origin,
    PassthroughBehavior, PathPart, RequestTemplates, ResponseHeader,
};
use crate::plan::mock_status::mock_status;
use crate::plan::protection::ProtectionIndex;
use crate::plan::template::{BodyTemplate, Text, ValueSource};
use crate::vtl;

/// AWS's default, and its limits: that of answers which are not streamed is a setting.
/// (Guide, `api-gateway-execution-service-limits-table`, `response-streaming-http`.)
const TIMEOUT_MS_DEFAULT: i32 = 29_000;
const TIMEOUT_MS_MIN: i32 = 50;
const STREAM_TIMEOUT_MS_MAX: i32 = 900_000;

/// Fields that frame the message or belong to the connection: a mapped value would break the request.
const FRAMING_HEADERS: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What Java's expressions know and an engine of linear time does not.
const BACKTRACKING: [&str; 6] = ["(?=", "(?!", "(?<=", "(?<!", "(?>", "\\1"];

/// A method's integration while it is compiled: where it stands and what it may name.
struct Context<'c, 'k, 'm> {
    compilation: &'c mut Compilation<'k>,
    integration: &'m model::Integration,
    variables: &'m StageVariables,
    /// Whether the API has binary media types: what is done to a body then depends on the exchange.
    binary: bool,
    /// What integrations may name as their upstream.
    upstreams: &'m model::OrderedMap<model::Upstream>,
    http_method: &'m str,
    path: &'m str,
    pointer: &'c Pointer,
}

pub fn compile(
    compilation: &mut Compilation<'_>,
    source: StageSource<'_>,
    path: &str,
    http_method: &str,
    integration: &model::Integration,
    pointer: &Pointer,
) -> Option<Integration> {
    let StageSource { definition, stage, .. } = source;
    let binary = !definition.rest_api.binary_media_types.is_empty();
    let (variables, upstreams) = (&stage.variables, &definition.rest_api.upstreams);
    let mut context = Context { compilation, integration, variables, binary, upstreams, http_method, path, pointer };
    context.refuse_what_is_not_served();
    match integration.integration_type {
        IntegrationType::HttpProxy => context.http(true).map(|http| Integration::Http(Box::new(http))),
        IntegrationType::Http => context.http(false).map(|http| Integration::Http(Box::new(http))),
        IntegrationType::Mock => context.mock().map(|mock| Integration::Mock(Box::new(mock))),
        IntegrationType::Aws => context.aws().map(|http| Integration::Http(Box::new(http))),
        IntegrationType::AwsProxy => context.lambda().map(|lambda| Integration::Lambda(Box::new(lambda))),
    }
}

impl Context<'_, '_, '_> {
    fn refuse(&mut self, at: &str, message: impl Into<String>, help: &str) {
        let pointer = if at.is_empty() { self.pointer.clone() } else { self.pointer.child(at) };
        self.compilation.refuse(pointer, message).help(help);
    }

    fn refuse_expression(&mut self, pointer: Pointer, refused: expression::Refused) {
        self.compilation.refuse(pointer, refused.message).help(refused.help);
    }

    fn refuse_or_deny(&mut self, at: &str, message: impl Into<String>, help: &str) {
        self.compilation.refuse_or_deny(self.pointer.child(at), message).help(help);
    }

    fn refuse_what_is_not_served(&mut self) {
        let integration = self.integration;
        self.refuse_odd_connection();
        self.refuse_odd_credentials();
        if integration.upstream.is_some() {
            let what = match integration.integration_type {
                IntegrationType::Http | IntegrationType::HttpProxy => None,
                IntegrationType::Mock => Some("a mock has no upstream"),
                IntegrationType::Aws | IntegrationType::AwsProxy => Some("an AWS service has its own upstream"),
            };
            if let Some(what) = what {
                self.refuse("x-tollgate-upstream", what, "take `x-tollgate-upstream` away");
            }
        }
        let proxy = matches!(integration.integration_type, IntegrationType::HttpProxy | IntegrationType::AwsProxy);
        if self.streams() && !proxy {
            let message = "answers of this integration cannot be streamed";
            let help = "`STREAM` is for `http_proxy` and `aws_proxy`: mapping an answer needs the whole of it; write `BUFFERED`";
            self.refuse("responseTransferMode", message, help);
        }
    }

    fn http(&mut self, proxy: bool) -> Option<HttpIntegration> {
        let timeout_ms = self.timeout_ms();
        let http_method = self.http_method();
        let parameters = self.request_parameters();
        let uri = self.uri()?;
        if !proxy {
            self.refuse_without_responses("http");
        }
        let path = self.path_parts(uri.path, &parameters.path);
        let request = if proxy { RequestTemplates::default() } else { self.request_templates() };
        let responses = if proxy { Vec::new() } else { self.responses() };
        let of_body = |mapped: &MappedParameter| mapped.source.is_of_body();
        let content_handling = content_handling(self.integration.content_handling);
        let mapped = !request.templates.is_empty()
            || content_handling.is_some()
            || self.binary && !proxy
            || responses.iter().any(|response| response.content_handling.is_some())
            || request.passthrough != PassthroughBehavior::WhenNoMatch
            || responses.iter().any(IntegrationResponse::is_mapped)
            || parameters.path.iter().any(|(_, source)| source.is_of_body())
            || parameters.query.iter().chain(&parameters.headers).any(of_body);
        let config = self.integration.tls_config.as_ref();
        let origin = Origin {
            tls: uri.tls,
            host: uri.host,
            port: uri.port,
            authority: uri.authority,
            insecure_skip_verification: config.is_some_and(|config| config.insecure_skip_verification),
        };
        let origin = self.by_vpc_link(origin)?;
        let (origin, protection) = self.protected(origin)?;
        Some(HttpIntegration {
            origin,
            protection,
            proxy,
            service: None,
            http_method: http_method?,
            path: path?,
            query: uri.query,
            query_parameters: parameters.query,
            headers: parameters.headers,
            request,
            content_handling,
            mapped,
            streams: self.streams(),
            timeout_ms,
            responses,
        })
    }

    /// The origin to make requests for, and what protects it. Where there are targets, the URI's own is not asked.
    fn protected(&mut self, origin: Origin) -> Option<(OriginIndex, Option<ProtectionIndex>)> {
        let Some(upstream) = &self.integration.upstream else {
            return Some((self.compilation.origins.index(origin), None));
        };
        let method = format!("{} {}", self.http_method, self.path);
        let (variables, pointer) = (self.variables, self.pointer.clone());
        let protects = Protects { upstream, method, origin, variables, pointer };
        let index = protection::compile(self.compilation, protects, self.upstreams)?;
        Some((self.compilation.protections.first_origin(index), Some(index)))
    }

    fn timeout_ms(&mut self) -> u32 {
        let most = i32::try_from(self.compilation.compiler.limits.integration_timeout_ms_max).unwrap_or(i32::MAX);
        let most = if self.streams() { STREAM_TIMEOUT_MS_MAX } else { most };
        let timeout = self.integration.timeout_in_millis.unwrap_or(TIMEOUT_MS_DEFAULT.min(most));
        if !(TIMEOUT_MS_MIN..=most).contains(&timeout) {
            let mut help =
                format!("it is between {TIMEOUT_MS_MIN} and {most} milliseconds; {TIMEOUT_MS_DEFAULT} without it");
            if most < STREAM_TIMEOUT_MS_MAX {
                help += &format!("; `responseTransferMode: STREAM` allows {STREAM_TIMEOUT_MS_MAX}");
            }
            self.refuse("timeoutInMillis", format!("a timeout of {timeout} ms is out of range"), &help);
        }
        timeout.unsigned_abs()
    }

    fn streams(&self) -> bool {
        self.integration.response_transfer_mode == Some(ResponseTransferMode::Stream)
    }

    /// The inner `None` sends the client's own method.
    fn http_method(&mut self) -> Option<Option<Box<str>>> {
        const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
        const HELP: &str = "write `httpMethod: GET`, or `httpMethod: ANY` to send the client's own";
        match self.integration.http_method.as_deref() {
            Some("ANY") => Some(None),
            Some(method) if METHODS.contains(&method) => Some(Some(method.into())),
            Some(method) => {
                self.refuse("httpMethod", format!("`{method}` is not a method that API Gateway sends"), HELP);
                None
            }
            None => {
                self.refuse("", "the integration has no `httpMethod`", HELP);
                None
            }
        }
    }

    fn uri(&mut self) -> Option<uri::Uri> {
        let Some(text) = &self.integration.uri else {
            self.refuse("", "the integration has no `uri`", "add `uri: http://backend.example.com/path`");
            return None;
        };
        let scheme = text.split("://").next().unwrap_or("");
        let parsed = if scheme.contains("${") {
            let message = "a stage variable cannot hold the URI's scheme".to_owned();
            let help = "write `http://${stageVariables.name}`, with host and path in the variable".to_owned();
            Err(expression::Refused { message, help })
        } else {
            expression::with_stage_variables(text, self.variables).and_then(|text| uri::parse(&text))
        };
        parsed.map_err(|refused| self.refuse_expression(self.pointer.child("uri"), refused)).ok()
    }

    fn path_parts(&mut self, parts: Vec<UriPart>, mapped: &[(Box<str>, ValueSource)]) -> Option<Vec<PathPart>> {
        let mut path = Some(Vec::with_capacity(parts.len()));
        for part in parts {
            let part = match part {
                UriPart::Literal(text) => Some(PathPart::Literal(text)),
                UriPart::Parameter(name) => {
                    let source = mapped.iter().find(|(parameter, _)| *parameter == name);
                    let value = source.map(|(_, source)| PathPart::Value(name.clone(), source.clone()));
                    value.or_else(|| self.refuse_unmapped(&name))
                }
            };
            path = path.zip(part).map(|(mut path, part)| {
                path.push(part);
                path
            });
        }
        path
    }

    fn refuse_unmapped(&mut self, name: &str) -> Option<PathPart> {
        let key = format!("integration.request.path.{name}");
        if self.integration.request_parameters.contains_key(&key) {
            // The mapping is there and was refused itself.
            return None;
        }
        let help = format!("add to `requestParameters`: `{key}: method.request.path.{name}`");
        self.refuse("uri", format!("nothing is mapped to `{{{name}}}` of the URI"), &help);
        None
    }

    fn refuse_without_responses(&mut self, name: &str) {
        if self.integration.integration_responses.is_empty() {
            let help = format!("add `responses: {{default: {{statusCode: \"200\"}}}}`, or use `{name}_proxy`");
            let message = format!("an `{name}` integration without `responses` cannot answer");
            self.compilation.refuse_unanswerable(self.pointer.clone(), message, help);
        }
    }

    /// `requestTemplates`, `application/json` first where it is there.
    fn request_templates(&mut self) -> RequestTemplates {
        let integration = self.integration;
        let mut templates = Vec::new();
        for (content_type, template) in &integration.request_templates {
            let pointer = self.pointer.child("requestTemplates").child(content_type);
            self.refuse_large_template(template, &pointer);
            if let Some(template) = self.vtl(template, pointer) {
                templates.push((content_type.to_ascii_lowercase().into(), template));
            }
        }
        templates.shrink_to_fit();
        templates.sort_by_key(|(content_type, _): &(Box<str>, _)| &**content_type != "application/json");
        RequestTemplates { templates, passthrough: self.passthrough() }
    }

    fn passthrough(&self) -> PassthroughBehavior {
        match self.integration.passthrough_behavior {
            Some(model::PassthroughBehavior::WhenNoMatch) | None => PassthroughBehavior::WhenNoMatch,
            Some(model::PassthroughBehavior::WhenNoTemplates) => PassthroughBehavior::WhenNoTemplates,
            Some(model::PassthroughBehavior::Never) => PassthroughBehavior::Never,
        }
    }

    fn refuse_large_template(&mut self, source: &str, pointer: &Pointer) {
        let most = self.compilation.compiler.limits.template_bytes_max;
        if source.len() as u64 > most {
            let message = format!("the mapping template has {} bytes, and {most} are allowed", source.len());
            let help = "AWS allows 300 KB; the setting is `limits.template_bytes_max`";
            self.compilation.refuse(pointer.clone(), message).help(help);
        }
    }

    /// Templates repeat from method to method.
    fn vtl(&mut self, source: &str, pointer: Pointer) -> Option<Arc<vtl::Template>> {
        let compiler = &mut *self.compilation.compiler;
        let key = TextKey::of(source, &compiler.hasher);
        if let Some(known) = compiler.templates.find(&key).filter(|known| known.source() == source) {
            return Some(known);
        }
        match vtl::Template::parse(source) {
            Ok(template) => {
                let template = Arc::new(template);
                compiler.templates.insert(key, &template);
                Some(template)
            }
            Err(error) => {
                let message = format!("the mapping template cannot be parsed: {}", error.message);
                let help = format!("look at line {}, column {} of the template", error.place.line, error.place.column);
                self.compilation.refuse(pointer, message).help(help);
                None
            }
        }
    }

    fn mock(&mut self) -> Option<MockIntegration> {
        let statuses = self.mock_statuses();
        if self.integration.integration_responses.is_empty() {
            let help = "add `responses: {default: {statusCode: \"200\"}}`";
            self.compilation.refuse_unanswerable(
                self.pointer.clone(),
                "a mock without `responses` cannot answer",
                help,
            );
        }
        let responses = self.responses();
        let passthrough = self.passthrough();
        let statuses = statuses?;
        self.refuse_unanswered_statuses(&statuses, &responses);
        let content_handling = content_handling(self.integration.content_handling);
        // What a mock has is text already, which many a CORS mock is told to be converted to.
        let converts = |handling| handling == Some(ContentHandling::ConvertToBinary);
        let mapped = statuses.iter().any(|(_, template)| matches!(template, MockTemplate::Vtl(_)))
            || self.binary
            || converts(content_handling)
            || responses.iter().any(|response| response.is_mapped() || converts(response.content_handling));
        Some(MockIntegration { statuses, mapped, content_handling, passthrough, responses })
    }

    /// A status that no response is for answers 500 to every request.
    fn refuse_unanswered_statuses(&mut self, statuses: &[(Box<str>, MockTemplate)], responses: &[IntegrationResponse]) {
        for (content_type, template) in statuses {
            // What a template says is known when it has run.
            let MockTemplate::Status(status) = template else { continue };
            let text = status.to_string();
            let answers = |response: &IntegrationResponse| {
                response.pattern.as_ref().is_none_or(|pattern| pattern.is_match(&text))
            };
            // Without any response, or with one that was refused, there is another message already.
            let all_compiled = responses.len() == self.integration.integration_responses.len();
            if all_compiled && !responses.is_empty() && !responses.iter().any(answers) {
                let pointer = self.pointer.child("requestTemplates").child(content_type);
                let message = format!("the mock's status is {status}, and none of its `responses` is for that");
                let help = format!("add `responses: {{default: {{statusCode: \"{status}\"}}}}`");
                self.compilation.refuse_unanswerable(pointer, message, help);
            }
        }
    }

    /// What the request templates say, `application/json` first where it is there.
    fn mock_statuses(&mut self) -> Option<Vec<(Box<str>, MockTemplate)>> {
        const HELP: &str = "add `requestTemplates: {application/json: '{\"statusCode\": 200}'}`";
        let integration = self.integration;
        if integration.request_templates.is_empty() {
            let message = "a mock needs a request template that names a status";
            self.compilation.refuse_unanswerable(self.pointer.clone(), message, HELP);
        }
        let mut statuses: Vec<(Box<str>, MockTemplate)> = Vec::new();
        let mut good = true;
        for (content_type, source) in &integration.request_templates {
            let pointer = self.pointer.child("requestTemplates").child(content_type);
            self.refuse_large_template(source, &pointer);
            let constant = expression::with_stage_variables(source, self.variables).ok();
            let template = match constant.and_then(|text| mock_status(&text)) {
                Some(status) => Some(MockTemplate::Status(status)),
                None => {
                    if !source.contains(['$', '#']) {
                        let message = "a mock's request template has to name a status, such as `{\"statusCode\": 200}`";
                        self.compilation.refuse_unanswerable(pointer.clone(), message, HELP);
                    }
                    self.vtl(source, pointer).map(MockTemplate::Vtl)
                }
            };
            good &= template.is_some();
            statuses.extend(template.map(|template| (content_type.to_ascii_lowercase().into(), template)));
        }
        statuses.sort_by_key(|(content_type, _)| &**content_type != "application/json");
        statuses.shrink_to_fit();
        good.then_some(statuses)
    }

    /// Those with a pattern before the default.
    fn responses(&mut self) -> Vec<IntegrationResponse> {
        let integration = self.integration;
        let mut responses: Vec<IntegrationResponse> =
            integration.integration_responses.values().filter_map(|response| self.response(response)).collect();
        responses.sort_by_key(|response| response.pattern.is_none());
        responses.shrink_to_fit();
        responses
    }

    fn response(&mut self, response: &model::IntegrationResponse) -> Option<IntegrationResponse> {
        let pointer = self.pointer.child("integrationResponses").child(&response.status_code);
        let status = response.status_code.parse::<u16>().ok().filter(|status| (200..=599).contains(status));
        if status.is_none() {
            let message = format!("`{}` is not a status for an answer", response.status_code);
            self.compilation.refuse(pointer.clone(), message).help("it is a number from 200 to 599");
        }
        let pattern = match response.selection_pattern.as_deref().filter(|pattern| !pattern.is_empty()) {
            None => None,
            Some(pattern) => Some(self.pattern(pattern, pointer.child("selectionPattern"))?),
        };
        let headers = self.response_headers(response, &pointer.child("responseParameters"));
        let mut templates = Vec::new();
        for (content_type, template) in &response.response_templates {
            self.refuse_large_template(template, &pointer.child("responseTemplates").child(content_type));
            // Most templates are text with a variable or two, which need no engine. A backslash escapes in VTL.
            let plain = Some(template).filter(|text| !text.contains('\\') && !Text::reaches_further(text));
            let template = match plain.and_then(|template| expression::template(template, self.variables).ok()) {
                Some(text) => Some(BodyTemplate::Text(text)),
                None => {
                    let pointer = pointer.child("responseTemplates").child(content_type);
                    self.vtl(template, pointer).map(BodyTemplate::Vtl)
                }
            };
            templates.extend(template.map(|template| (content_type.as_str().into(), template)));
        }
        templates.shrink_to_fit();
        let content_handling = content_handling(response.content_handling);
        Some(IntegrationResponse { pattern, status: status?, headers, templates, content_handling })
    }

    /// AWS matches the whole of the status, as Java's `matches` does.
    fn pattern(&mut self, pattern: &str, pointer: Pointer) -> Option<Arc<regex::Regex>> {
        let patterns = &mut self.compilation.compiler.patterns;
        if let Some(regex) = patterns.find(pattern) {
            return Some(regex);
        }
        match regex::Regex::new(&format!("^(?:{pattern})$")) {
            Ok(regex) => {
                let regex = Arc::new(regex);
                patterns.insert(pattern.to_owned(), &regex);
                Some(regex)
            }
            Err(_) => {
                let message = format!("`{pattern}` is not a regular expression that is served");
                let refusal = if BACKTRACKING.iter().any(|group| pattern.contains(group)) {
                    self.compilation.refuse_or_deny(pointer, message)
                } else {
                    self.compilation.refuse(pointer, message)
                };
                refusal
                    .help("write a status such as `404`, or `4\\d{2}`; look-around and back-references are not known");
                None
            }
        }
    }

    fn response_headers(&mut self, response: &model::IntegrationResponse, pointer: &Pointer) -> Vec<ResponseHeader> {
        let mut headers = Vec::new();
        for (target, source) in &response.response_parameters {
            let pointer = pointer.child(target);
            let Some(name) = target.strip_prefix("method.response.header.") else {
                let message = format!("`{target}` is not a part of an answer");
                self.compilation.refuse(pointer, message).help("write `method.response.header.Name`");
                continue;
            };
            // What is often mapped, and what the gateway does itself.
            let length = "integration.response.header.content-length";
            if name.eq_ignore_ascii_case("content-length") && source.eq_ignore_ascii_case(length) {
                continue;
            }
            let header = writable_header(name).and_then(|_| expression::response_source(source, self.variables));
            match header {
                Ok(source) => headers.push(ResponseHeader { name: name.into(), source }),
                Err(refused) => self.refuse_expression(pointer, refused),
            }
        }
        headers.shrink_to_fit();
        headers
    }

    fn request_parameters(&mut self) -> RequestParameters {
        let mut parameters = RequestParameters::default();
        let integration = self.integration;
        for (target, source) in &integration.request_parameters {
            if let Err(refused) = self.request_parameter(target, source, &mut parameters) {
                self.refuse_expression(self.pointer.child("requestParameters").child(target), refused);
            }
        }
        parameters.query.shrink_to_fit();
        parameters.headers.shrink_to_fit();
        parameters
    }

    fn request_parameter(
        &self,
        target: &str,
        source: &str,
        parameters: &mut RequestParameters,
    ) -> Result<(), expression::Refused> {
        let (kind, name) = target
            .strip_prefix("integration.request.")
            .and_then(|rest| rest.split_once('.'))
            .filter(|(kind, name)| matches!(*kind, "path" | "querystring" | "header") && !name.is_empty())
            .ok_or_else(|| expression::Refused {
                message: format!("`{target}` is not a part of a request that can be mapped"),
                help: "write `integration.request.path.name`, `….querystring.name` or `….header.name`".to_owned(),
            })?;
        let source = expression::request_source(source, self.path, self.variables)?;
        match kind {
            "path" => parameters.path.push((name.into(), source)),
            "querystring" => parameters.query.push(MappedParameter { name: name.into(), source }),
            _ => parameters.headers.push(MappedParameter { name: writable_header(name)?, source }),
        }
        Ok(())
    }
}

/// `requestParameters`, by the part of the request that they go to.
#[derive(Default)]
struct RequestParameters {
    path: Vec<(Box<str>, ValueSource)>,
    query: Vec<MappedParameter>,
    headers: Vec<MappedParameter>,
}

pub(super) fn writable_header(name: &str) -> Result<Box<str>, expression::Refused> {
    let name = expression::header_name(name)?;
    if FRAMING_HEADERS.contains(&&*name) {
        let message = format!("the header `{name}` cannot be mapped: it belongs to the connection");
        return Err(expression::Refused { message, help: "the gateway sets it itself".to_owned() });
    }
    Ok(name)
}
