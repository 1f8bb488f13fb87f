//! The stage's own error answers. (Guide, `api-gateway-gatewayResponse-definition`, `supported-gateway-response-types`.)

use super::Compilation;
use super::expression::{self, Common, Refused};
use super::integration::writable_header;
use crate::model::{self, ApiDefinition, Pointer, Stage, StageVariables};
use crate::plan::context::ContextVariable;
use crate::plan::gateway_response::{
    GatewayResponse, GatewayResponseHeader, GatewayResponseType, GatewayResponses, RequestPart,
};
use crate::plan::template::{RequestPartIndex, Text, TextPart};

pub fn compile(compilation: &mut Compilation<'_>, definition: &ApiDefinition, stage: &Stage) -> GatewayResponses {
    let mut responses = GatewayResponses::default();
    let mut parts = RequestParts::default();
    for response in &definition.gateway_responses {
        let pointer = Pointer::gateway_response(&response.response_type);
        let Some(kind) = GatewayResponseType::named(&response.response_type) else {
            let message = format!("`{}` is not a type of gateway response", response.response_type);
            let help = nearest_type(&response.response_type);
            compilation.refuse(pointer, message).help(help);
            continue;
        };
        let compiled = one(compilation, response, &stage.variables, &mut parts, &pointer);
        if compiled.templates.len() > 1 {
            responses.accept = parts.index(RequestPart::Accept);
        }
        responses.set(kind, compiled);
    }
    responses.request_parts = parts.list;
    responses
}

fn nearest_type(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    let score = |kind: &GatewayResponseType| strsim::jaro_winkler(kind.name(), &upper);
    let best = GatewayResponseType::ALL.iter().max_by(|left, right| score(left).total_cmp(&score(right)));
    best.map(|kind| format!("did you mean `{}`?", kind.name())).unwrap_or_default()
}

/// What the stage's responses take from requests, each once.
#[derive(Default)]
struct RequestParts {
    list: Vec<RequestPart>,
}

impl RequestParts {
    /// `None` where there are too many, far beyond what a document of 6 MB was written for.
    fn index(&mut self, part: RequestPart) -> Option<RequestPartIndex> {
        let known = self.list.iter().position(|known| *known == part);
        let index = u16::try_from(known.unwrap_or(self.list.len())).ok()?;
        if known.is_none() {
            self.list.push(part);
        }
        Some(RequestPartIndex(index))
    }
}

fn one(
    compilation: &mut Compilation<'_>,
    response: &model::GatewayResponse,
    variables: &StageVariables,
    parts: &mut RequestParts,
    pointer: &Pointer,
) -> GatewayResponse {
    let mut compiled = GatewayResponse::default();
    if let Some(text) = &response.status_code {
        compiled.status = text.parse().ok().filter(|status| (200..=599).contains(status));
        if compiled.status.is_none() {
            let message = format!("`{text}` is not a status for an answer");
            compilation.refuse(pointer.child("statusCode"), message).help("it is a number from 200 to 599");
        }
    }
    for (target, source) in &response.response_parameters {
        match header(target, source, variables, parts) {
            Ok(header) => compiled.headers.push(header),
            Err(refused) => {
                let pointer = pointer.child("responseParameters").child(target);
                compilation.refuse(pointer, refused.message).help(refused.help);
            }
        }
    }
    for (content_type, source) in &response.response_templates {
        match template(source, variables, parts) {
            Ok(text) => compiled.templates.push((content_type.as_str().into(), text)),
            Err(refused) => {
                let pointer = pointer.child("responseTemplates").child(content_type);
                compilation.refuse(pointer, refused.message).help(refused.help);
            }
        }
    }
    compiled
}

fn header(
    target: &str,
    source: &str,
    variables: &StageVariables,
    parts: &mut RequestParts,
) -> Result<GatewayResponseHeader, Refused> {
    let Some(name) = target.strip_prefix("gatewayresponse.header.") else {
        let message = format!("`{target}` is not a part of a gateway response");
        return Err(Refused { message, help: "write `gatewayresponse.header.Name`".to_owned() });
    };
    writable_header(name)?;
    let value = match expression::common(source, variables)? {
        Some(Common::Static(text)) => Text::literal(text),
        Some(Common::Context(variable)) => Text { parts: vec![TextPart::Context(variable)] },
        None => match request_part(source)?.and_then(|part| parts.index(part)) {
            Some(index) => Text { parts: vec![TextPart::Request(index)] },
            None => return Err(no_source(source)),
        },
    };
    Ok(GatewayResponseHeader { name: name.into(), value })
}

fn no_source(source: &str) -> Refused {
    let message = if source.starts_with("method.request.body") || source.starts_with("method.request.multivalue") {
        format!("`{source}` is not available to gateway responses")
    } else {
        format!("`{source}` is not a mapping expression")
    };
    let help = "write `method.request.header.name` (or `querystring`, `path`), `context.name`, `stageVariables.name`, or \
                a constant in single quotes: `\"'text'\"`";
    Refused { message, help: help.to_owned() }
}

/// `method.request.position.name`, if that is what it is.
fn request_part(source: &str) -> Result<Option<RequestPart>, Refused> {
    let named = |prefix: &str| source.strip_prefix(prefix).filter(|name| !name.is_empty());
    Ok(if let Some(name) = named("method.request.path.") {
        Some(RequestPart::Path(name.into()))
    } else if let Some(name) = named("method.request.querystring.") {
        Some(RequestPart::QueryString(name.into()))
    } else if let Some(name) = named("method.request.header.") {
        Some(RequestPart::Header(expression::header_name(name)?))
    } else {
        named("method.input.params.").map(|name| RequestPart::Any(name.into()))
    })
}

/// A template without logic: stage variables become text, `$context` and the request's parts stay variables.
fn template(source: &str, variables: &StageVariables, parts: &mut RequestParts) -> Result<Text, Refused> {
    let source = expression::with_all_stage_variables(source, variables)?;
    let parsed = Text::parse_with(&source, |name| match name.strip_prefix("context.") {
        Some(name) => ContextVariable::named(name).map(TextPart::Context),
        None => request_part(name).ok().flatten().and_then(|part| parts.index(part)).map(TextPart::Request),
    });
    parsed.map_err(|unknown| {
        let name = unknown.trim_start_matches(['$', '!', '{']).trim_end_matches('}');
        match name.strip_prefix("context.") {
            Some(name) => Refused {
                message: format!("the template has `{unknown}`, which is not a variable that API Gateway has"),
                help: expression::context_variable_help(name),
            },
            None => Refused {
                message: format!("the template has `{unknown}`, which gateway responses do not evaluate"),
                help:
                    "they know plain text, `$context.name`, `$stageVariables.name` and `$method.request.header.name` \
                       (or `querystring`, `path`)"
                        .to_owned(),
            },
        }
    })
}
