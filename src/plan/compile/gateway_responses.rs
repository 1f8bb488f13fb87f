//! The stage's own error answers. (Guide, `api-gateway-gatewayResponse-definition`, `supported-gateway-response-types`.)

use super::integration::writable_header;
use super::{Compiler, expression};
use crate::model::{self, ApiDefinition, Pointer, Stage};
use crate::plan::gateway_response::{GatewayResponse, GatewayResponseHeader, GatewayResponseType, GatewayResponses};
use crate::plan::template::{Text, TextPart, ValueSource};

pub fn compile(compiler: &mut Compiler, definition: &ApiDefinition, stage: &Stage) -> GatewayResponses {
    let mut responses = GatewayResponses::default();
    for response in &definition.gateway_responses {
        let pointer = Pointer::gateway_response(&response.response_type);
        let Some(kind) = GatewayResponseType::named(&response.response_type) else {
            let message = format!("`{}` is not a type of gateway response", response.response_type);
            let help = nearest_type(&response.response_type);
            compiler.refuse(pointer, message).help(help);
            continue;
        };
        responses.set(kind, one(compiler, response, stage, &pointer));
    }
    responses
}

fn nearest_type(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    let score = |kind: &GatewayResponseType| strsim::jaro_winkler(kind.name(), &upper);
    let best = GatewayResponseType::ALL.iter().max_by(|left, right| score(left).total_cmp(&score(right)));
    best.map(|kind| format!("did you mean `{}`?", kind.name())).unwrap_or_default()
}

fn one(
    compiler: &mut Compiler,
    response: &model::GatewayResponse,
    stage: &Stage,
    pointer: &Pointer,
) -> GatewayResponse {
    let mut compiled = GatewayResponse::default();
    if let Some(text) = &response.status_code {
        compiled.status = text.parse().ok().filter(|status| (200..=599).contains(status));
        if compiled.status.is_none() {
            let message = format!("`{text}` is not a status for an answer");
            compiler.refuse(pointer.child("statusCode"), message).help("it is a number from 200 to 599");
        }
    }
    for (target, source) in &response.response_parameters {
        match header(target, source, stage) {
            Ok(header) => compiled.headers.push(header),
            Err(refused) => {
                let pointer = pointer.child("responseParameters").child(target);
                compiler.refuse(pointer, refused.message).help(refused.help);
            }
        }
    }
    for (content_type, template) in &response.response_templates {
        match expression::template(template, &stage.variables) {
            Ok(text) => compiled.templates.push((content_type.as_str().into(), text)),
            Err(refused) => {
                let pointer = pointer.child("responseTemplates").child(content_type);
                compiler.refuse(pointer, refused.message).help(refused.help);
            }
        }
    }
    compiled
}

fn header(target: &str, source: &str, stage: &Stage) -> Result<GatewayResponseHeader, expression::Refused> {
    let Some(name) = target.strip_prefix("gatewayresponse.header.") else {
        let message = format!("`{target}` is not a part of a gateway response");
        return Err(expression::Refused { message, help: "write `gatewayresponse.header.Name`".to_owned() });
    };
    writable_header(name)?;
    let value = match expression::request_source(source, None, &stage.variables)? {
        ValueSource::Static(text) => Text::literal(text),
        ValueSource::Context(variable) => Text { parts: vec![TextPart::Context(variable)] },
        _ => {
            let message =
                format!("`{source}`: parts of the request are not available to gateway responses in this version");
            let help = "use static text ('…') or a $context variable".to_owned();
            return Err(expression::Refused { message, help });
        }
    };
    Ok(GatewayResponseHeader { name: name.into(), value })
}
