//! The mock integration: the request template names a status, the status selects a response.

use crate::http::encode;
use crate::http::head::{Field, RequestHead};
use crate::plan::integration::{IntegrationResponse, MockIntegration, MockTemplate, ResponseHeader, ResponseSource};
use crate::plan::template::BodyTemplate;
use crate::vtl;

use super::super::context::Facts;
use super::super::forwarding::{Inbound, write_found, write_joined};
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
    match template {
        Some((_, BodyTemplate::Text(text))) => inbound.facts.write_text(text, &mut body),
        Some((_, BodyTemplate::Vtl(_))) => return Err(GatewayError::Configuration),
        None => {}
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
    write_mapped_headers(&response.headers, &Origin::default(), inbound.facts, |_| false, out);
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
    if found.is_none() && !mock.passthrough.passes(!mock.statuses.is_empty()) {
        return Err(GatewayError::UnsupportedMediaType);
    }
    // A body that passes through would have to name the status itself, which mocks without templates are not asked for.
    match found.or(mock.statuses.first()) {
        Some((_, MockTemplate::Status(status))) => Ok(*status),
        Some((_, MockTemplate::Vtl(_))) | None => Err(GatewayError::Configuration),
    }
}

/// The first response whose pattern fits, else the default. (Guide, `api-gateway-integration-settings-integration-response`.)
pub fn select(responses: &[IntegrationResponse], status: u16) -> Option<&IntegrationResponse> {
    select_by(responses, Some(itoa::Buffer::new().format(status)))
}

/// The same by another text than a status; without one, only the default is left.
pub fn select_by<'r>(responses: &'r [IntegrationResponse], text: Option<&str>) -> Option<&'r IntegrationResponse> {
    let fits = |response: &&IntegrationResponse| {
        response.pattern.as_ref().zip(text).is_some_and(|(pattern, text)| pattern.is_match(text))
    };
    responses.iter().find(fits).or_else(|| responses.iter().find(|response| response.pattern.is_none()))
}

/// The first media type of `Accept`: AWS looks at no other. (Guide, `api-gateway-known-issues`.)
pub fn accepted_type<'b>(head: &RequestHead<'_, 'b>) -> Option<&'b [u8]> {
    let accept = head.fields.iter().find(|field| field.name.eq_ignore_ascii_case("accept"))?;
    accept.value.split(|byte| *byte == b',').next().map(media_type)
}

/// The template for an accepted type, else the first.
pub fn template_for<'t>(
    templates: &'t [(Box<str>, BodyTemplate)],
    accepted: Option<&[u8]>,
) -> Option<(&'t str, &'t BodyTemplate)> {
    let fits = |known: &str| accepted.is_some_and(|wanted| known.as_bytes().eq_ignore_ascii_case(wanted));
    let found = templates.iter().find(|(known, _)| fits(known)).or(templates.first());
    found.map(|(known, template)| (&**known, template))
}

/// A media type without its parameters.
pub fn media_type(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == b';').next().unwrap_or(value).trim_ascii()
}

pub fn has_header(headers: &[ResponseHeader], name: &str) -> bool {
    headers.iter().any(|header| header.name.eq_ignore_ascii_case(name))
}

/// What an integration answered, for `responseParameters`. A mock has nothing of it.
#[derive(Clone, Copy, Default)]
pub struct Origin<'o> {
    pub fields: &'o [Field<'o>],
    /// Where all of it is there.
    pub body: Option<&'o vtl::Body<'o>>,
}

impl<'o> Origin<'o> {
    fn named(self, name: &str) -> impl DoubleEndedIterator<Item = &'o [u8]> {
        self.fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// Appends the value of a source; `false` where there is none.
    fn write(self, source: &ResponseSource, facts: &Facts<'_>, out: &mut Vec<u8>) -> bool {
        match source {
            ResponseSource::Static(text) => out.extend_from_slice(text.as_bytes()),
            ResponseSource::Context(variable) => facts.write(variable, out),
            ResponseSource::Header(name) => match self.named(name).next_back() {
                Some(value) => out.extend_from_slice(value),
                None => return false,
            },
            ResponseSource::MultiValueHeader(name) => return write_joined(&self.named(name).collect::<Vec<_>>(), out),
            ResponseSource::Body => match self.body {
                Some(body) => out.extend_from_slice(body.text().as_bytes()),
                None => return false,
            },
            ResponseSource::BodyPath(path) => return self.body.is_some_and(|body| write_found(body, path, out)),
        }
        true
    }
}

/// Appends `responseParameters`, but for what is `overridden`. A value that is no field's is left out.
pub fn write_mapped_headers(
    headers: &[ResponseHeader],
    origin: &Origin<'_>,
    facts: &Facts<'_>,
    overridden: impl Fn(&str) -> bool,
    out: &mut Vec<u8>,
) {
    let mut value = Vec::new();
    for header in headers.iter().filter(|header| !overridden(&header.name)) {
        if let ResponseSource::Static(text) = &header.source {
            encode::field(&header.name, text.as_bytes(), out);
            continue;
        }
        value.clear();
        let from_context = matches!(header.source, ResponseSource::Context(_));
        let there = origin.write(&header.source, facts, &mut value) && !(from_context && value.is_empty());
        if there && encode::is_field_value(&value) {
            encode::field(&header.name, &value, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::integration::PassthroughBehavior;

    fn mock(passthrough: PassthroughBehavior) -> MockIntegration {
        MockIntegration {
            statuses: vec![
                ("application/json".into(), MockTemplate::Status(200)),
                ("text/plain".into(), MockTemplate::Status(202)),
            ],
            mapped: false,
            content_handling: None,
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
            pattern: pattern.map(|pattern| regex::Regex::new(&format!("^(?:{pattern})$")).expect("a pattern").into()),
            status,
            headers: Vec::new(),
            templates: Vec::new(),
            content_handling: None,
        };
        let responses = [response(None, 1), response(Some("4\\d{2}"), 2), response(Some("404"), 3)];
        let selected = |status| select(&responses, status).map(|found| found.status);
        assert_eq!([selected(200), selected(404), selected(4040)], [Some(1), Some(2), Some(1)]);
        assert_eq!(select(&responses[1..], 200).map(|found| found.status), None);
    }
}
