//! The mock integration: the request template names a status, the status selects a response.

use crate::http::encode;
use crate::http::head::RequestHead;
use crate::plan::integration::{
    IntegrationResponse, MockIntegration, PassthroughBehavior, ResponseHeader, ResponseSource,
};
use crate::plan::template::Text;

use super::super::context::Facts;
use super::super::forwarding::Inbound;
use super::super::respond::{GatewayError, Persistence, write_date, write_own_fields};

/// Writes the answer and returns its status.
///
/// # Errors
/// [`GatewayError::UnsupportedMediaType`] by the passthrough behaviour, [`GatewayError::Configuration`] when there is no
/// status or no response for it, as AWS's 500.
pub fn answer(
    mock: &MockIntegration,
    inbound: &Inbound<'_>,
    date: &[u8],
    persistence: Persistence,
    out: &mut Vec<u8>,
) -> Result<u16, GatewayError> {
    let status = selecting_status(mock, inbound.head.content_type)?;
    let response = select(&mock.responses, status).ok_or(GatewayError::Configuration)?;
    let accepted = accepted_type(inbound.head);
    let template = template_for(&response.templates, accepted);
    let mut body = Vec::new();
    if let Some((_, template)) = template {
        inbound.facts.write_text(template, &mut body);
    }
    encode::status_line(response.status, out);
    write_date(date, out);
    if !has_header(&response.headers, "content-type") {
        let content_type = template.map_or("application/json", |(content_type, _)| content_type);
        encode::field("Content-Type", content_type.as_bytes(), out);
    }
    if !matches!(response.status, 100..=199 | 204 | 304) {
        encode::content_length(body.len() as u64, out);
    }
    write_mapped_headers(&response.headers, |_| None, inbound.facts, out);
    write_own_fields(inbound.facts.ids, persistence, out);
    out.extend_from_slice(b"\r\n");
    if inbound.head.method != "HEAD" && !matches!(response.status, 100..=199 | 204 | 304) {
        out.extend_from_slice(&body);
    }
    Ok(response.status)
}

/// The status that the request template for the content type names.
fn selecting_status(mock: &MockIntegration, content_type: Option<&[u8]>) -> Result<u16, GatewayError> {
    let wanted = media_type(content_type.unwrap_or(b"application/json"));
    let found = mock.statuses.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(wanted));
    if let Some((_, status)) = found {
        return Ok(*status);
    }
    match mock.passthrough {
        PassthroughBehavior::Never => Err(GatewayError::UnsupportedMediaType),
        PassthroughBehavior::WhenNoTemplates if !mock.statuses.is_empty() => Err(GatewayError::UnsupportedMediaType),
        // The body passes through and would have to name the status itself, which mocks are not asked for.
        PassthroughBehavior::WhenNoMatch | PassthroughBehavior::WhenNoTemplates => {
            mock.statuses.first().map(|(_, status)| *status).ok_or(GatewayError::Configuration)
        }
    }
}

/// The first response whose pattern fits, else the default. (Guide, `api-gateway-integration-settings-integration-response`.)
pub fn select(responses: &[IntegrationResponse], status: u16) -> Option<&IntegrationResponse> {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(status);
    let fits =
        |response: &&IntegrationResponse| response.pattern.as_ref().is_some_and(|pattern| pattern.is_match(digits));
    responses.iter().find(fits).or_else(|| responses.iter().find(|response| response.pattern.is_none()))
}

/// The first media type of `Accept`: AWS looks at no other. (Guide, `api-gateway-known-issues`.)
pub fn accepted_type<'b>(head: &RequestHead<'_, 'b>) -> Option<&'b [u8]> {
    let accept = head.fields.iter().find(|field| field.name.eq_ignore_ascii_case("accept"))?;
    accept.value.split(|byte| *byte == b',').next().map(media_type)
}

/// The template for an accepted type, else the first.
pub fn template_for<'t>(templates: &'t [(Box<str>, Text)], accepted: Option<&[u8]>) -> Option<(&'t str, &'t Text)> {
    let fits = |known: &str| accepted.is_some_and(|wanted| known.as_bytes().eq_ignore_ascii_case(wanted));
    let found = templates.iter().find(|(known, _)| fits(known)).or(templates.first());
    found.map(|(known, template)| (&**known, template))
}

/// A media type without its parameters.
fn media_type(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == b';').next().unwrap_or(value).trim_ascii()
}

pub fn has_header(headers: &[ResponseHeader], name: &str) -> bool {
    headers.iter().any(|header| header.name.eq_ignore_ascii_case(name))
}

/// Appends `responseParameters`. `field` finds a field of the integration's response by its name.
pub fn write_mapped_headers<'f>(
    headers: &[ResponseHeader],
    field: impl Fn(&str) -> Option<&'f [u8]>,
    facts: &Facts<'_>,
    out: &mut Vec<u8>,
) {
    for header in headers {
        match &header.source {
            ResponseSource::Static(text) => encode::field(&header.name, text.as_bytes(), out),
            ResponseSource::Header(name) => {
                if let Some(value) = field(name) {
                    encode::field(&header.name, value, out);
                }
            }
            ResponseSource::Context(variable) => {
                let mut value = Vec::new();
                facts.write(*variable, &mut value);
                if !value.is_empty() && encode::is_field_value(&value) {
                    encode::field(&header.name, &value, out);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mock(passthrough: PassthroughBehavior) -> MockIntegration {
        MockIntegration {
            statuses: vec![("application/json".into(), 200), ("text/plain".into(), 202)],
            passthrough,
            responses: Vec::new(),
        }
    }

    #[test]
    fn the_content_type_chooses_the_template() {
        #[track_caller]
        fn check(passthrough: PassthroughBehavior, content_type: Option<&str>, expected: Result<u16, GatewayError>) {
            let status = selecting_status(&mock(passthrough), content_type.map(str::as_bytes));
            assert_eq!(status, expected, "{passthrough:?} {content_type:?}");
        }
        for passthrough in
            [PassthroughBehavior::Never, PassthroughBehavior::WhenNoMatch, PassthroughBehavior::WhenNoTemplates]
        {
            check(passthrough, None, Ok(200));
            check(passthrough, Some("Text/Plain; charset=utf-8"), Ok(202));
        }
        check(PassthroughBehavior::Never, Some("text/csv"), Err(GatewayError::UnsupportedMediaType));
        check(PassthroughBehavior::WhenNoTemplates, Some("text/csv"), Err(GatewayError::UnsupportedMediaType));
        check(PassthroughBehavior::WhenNoMatch, Some("text/csv"), Ok(200));
    }

    #[test]
    fn the_first_pattern_that_fits_decides() {
        let response = |pattern: Option<&str>, status| IntegrationResponse {
            pattern: pattern.map(|pattern| regex::Regex::new(&format!("^(?:{pattern})$")).expect("a pattern")),
            status,
            headers: Vec::new(),
            templates: Vec::new(),
        };
        let responses = [response(None, 1), response(Some("4\\d{2}"), 2), response(Some("404"), 3)];
        let selected = |status| select(&responses, status).map(|found| found.status);
        assert_eq!([selected(200), selected(404), selected(4040)], [Some(1), Some(2), Some(1)]);
        assert_eq!(select(&responses[1..], 200).map(|found| found.status), None);
    }
}
