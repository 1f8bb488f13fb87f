//! Whom to ask and what, from URLs, headers, bodies and files.

use std::path::Path;

use super::options::Options;
use crate::target::credentials::{self, Kind};
use crate::target::openapi::{self, Operations};
use crate::target::origin::{Site, Url};
use crate::target::request::{Defaults, Draft, Headers};
use crate::target::template::Text;
use crate::target::template::files::{self, Files};
use crate::target::template::parse::Encoding;
use crate::target::{Target, json_lines};

pub fn target(options: &Options) -> Result<Target, String> {
    let mut files = Files::default();
    let defaults = defaults(options, &mut files)?;
    let urls: Vec<(u64, Url)> = options.urls.iter().map(|text| weighted_url(text)).collect::<Result<_, _>>()?;
    let drafts = match (&options.requests, &options.openapi) {
        (None, None) => from_urls(options, urls, defaults, &mut files)?,
        (Some(path), _) => {
            let path = text_of(path)?;
            let base = base(urls, "--requests")?;
            json_lines::parse(path, &files::read(path)?, base.as_ref(), &defaults, &mut files)?
        }
        (None, Some(path)) => from_openapi(options, text_of(path)?, urls, &defaults, &mut files)?,
    };
    let site = one_site(&drafts)?;
    check_tls(options, &site)?;
    let url = match options.urls.first() {
        Some(text) => split_weight(text).1.to_owned(),
        None => site.to_string(),
    };
    let drafts = drafts.into_iter().map(|(_, draft)| draft).collect();
    let mut target = Target::new(site, url, drafts, options.connect_to.as_deref())?;
    if let Some(bind) = options.bind {
        target.origin.addresses.retain(|address| address.is_ipv4() == bind.is_ipv4());
        if target.origin.addresses.is_empty() {
            let (own, other) = if bind.is_ipv4() { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
            return Err(format!("--bind {bind} is {own}, but {} has {other} addresses only", target.origin.host));
        }
    }
    Ok(target)
}

fn defaults(options: &Options, files: &mut Files) -> Result<Defaults, String> {
    let mut defaults = Defaults { expects_status: options.expect_status.is_some(), ..Defaults::default() };
    for header in &options.headers {
        defaults.headers.parse(header, files).map_err(|reason| format!("--header: {reason}"))?;
    }
    for (kind, path) in [(Kind::ApiKey, &options.api_keys), (Kind::BearerToken, &options.bearer_tokens)] {
        if let Some(path) = path {
            credentials::add(kind, text_of(path)?, &mut defaults.headers, files)?;
        }
    }
    if let Some(statuses) = &options.expect_status {
        defaults.check.expect_statuses(statuses.clone());
    }
    if let Some(text) = &options.expect_body {
        defaults.check.expect_text(text);
    }
    if let Some(pattern) = &options.expect_body_regex {
        defaults.check.expect_match(pattern.clone());
    }
    Ok(defaults)
}

/// `3=http://host/`; without a weight it is 1.
fn weighted_url(text: &str) -> Result<(u64, Url), String> {
    let (weight, url) = split_weight(text);
    let weight = match weight.map(str::parse) {
        None => 1,
        Some(Ok(weight)) if weight > 0 => weight,
        Some(_) => return Err(format!("{text}: a weight is a whole number from 1, as in 3={url}")),
    };
    Ok((weight, Url::parse(url)?))
}

/// Before the scheme there may be digits and `=`.
fn split_weight(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((weight, url)) if !weight.is_empty() && weight.bytes().all(|byte| byte.is_ascii_digit()) => {
            (Some(weight), url)
        }
        _ => (None, text),
    }
}

fn from_urls(
    options: &Options,
    urls: Vec<(u64, Url)>,
    defaults: Defaults,
    files: &mut Files,
) -> Result<Vec<(Site, Draft)>, String> {
    if urls.is_empty() {
        return Err("there is no URL; write one, such as http://localhost:8080/".to_owned());
    }
    let Defaults { mut headers, check, .. } = defaults;
    let body = body(options, &mut headers, files)?;
    let method = match &options.method {
        Some(method) => method.as_str(),
        None if body.is_some() => "POST",
        None => "GET",
    };
    let draft = |(weight, url): (u64, Url)| {
        let draft = Draft {
            name: format!("{method} {}", url.target),
            method: method.to_owned(),
            target: Text::parse(&url.target, Encoding::Url, files)
                .map_err(|reason| format!("{}, in its path: {reason}", url.target))?,
            headers: headers.clone(),
            body: body.clone(),
            check: check.clone(),
            weight,
        };
        Ok((url.site, draft))
    };
    urls.into_iter().map(draft).collect()
}

fn body(options: &Options, headers: &mut Headers, files: &mut Files) -> Result<Option<Text>, String> {
    let (text, encoding, content_type) = match (&options.data, &options.json_body, &options.body_file) {
        (Some(text), ..) => (text.clone(), Encoding::Body, Some("application/x-www-form-urlencoded")),
        (None, Some(text), _) => (text.clone(), Encoding::Json, Some("application/json")),
        (None, None, Some(path)) => {
            let bytes = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            match String::from_utf8(bytes) {
                Ok(text) => (text, Encoding::Body, None),
                Err(error) => {
                    let mut body = Text::default();
                    body.push(error.as_bytes());
                    return Ok(Some(body));
                }
            }
        }
        (None, None, None) => return Ok(None),
    };
    if let Some(content_type) = content_type.filter(|_| !headers.has("Content-Type")) {
        headers.add("Content-Type", content_type, files)?;
    }
    Text::parse(&text, encoding, files).map(Some).map_err(|reason| format!("the body: {reason}"))
}

fn from_openapi(
    options: &Options,
    path: &str,
    urls: Vec<(u64, Url)>,
    defaults: &Defaults,
    files: &mut Files,
) -> Result<Vec<(Site, Draft)>, String> {
    let Some(base) = base(urls, "--openapi")? else {
        return Err(format!("name the server to test: loadtest http://localhost:8080 --openapi {path}"));
    };
    let operations = match (options.all_operations, options.operations.as_slice()) {
        (true, _) => Operations::All,
        (false, []) => Operations::Safe,
        (false, names) => Operations::Named(names.to_vec()),
    };
    let prefix = match &options.base_path {
        Some(prefix) if !prefix.starts_with('/') || prefix.contains(['?', '#']) => {
            return Err(format!("--base-path {prefix}: write a path that begins with /"));
        }
        Some(prefix) => Some(prefix.as_str()),
        None => Some(base.target.as_str()).filter(|target| *target != "/"),
    };
    let drafts = openapi::parse(path, &files::read(path)?, prefix, &operations, defaults, files)?;
    Ok(drafts.into_iter().map(|draft| (base.site.clone(), draft)).collect())
}

/// The one URL beside a file of requests: its path is what theirs are added to.
fn base(urls: Vec<(u64, Url)>, option: &str) -> Result<Option<Url>, String> {
    if urls.len() > 1 {
        return Err(format!("with {option} there is one URL at most: the server, and what all paths begin with"));
    }
    let base = urls.into_iter().next().map(|(_, url)| url);
    match base {
        Some(url) if url.target.contains(['?', '{']) => {
            Err(format!("with {option} the URL has neither a query nor variables: paths are added to it"))
        }
        base => Ok(base),
    }
}

fn one_site(drafts: &[(Site, Draft)]) -> Result<Site, String> {
    let first = &drafts.first().ok_or("there are no requests")?.0;
    match drafts.iter().find(|(site, _)| site != first) {
        None => Ok(first.clone()),
        Some((other, _)) => {
            Err(format!("all requests of a run go to one origin, but these are two: {first} and {other}"))
        }
    }
}

fn check_tls(options: &Options, site: &Site) -> Result<(), String> {
    let given = [
        ("--cacert", options.cacert.is_some()),
        ("--cert", options.cert.is_some()),
        ("--server-name", options.server_name.is_some()),
        ("--no-resume", options.no_resume),
    ];
    match given.iter().find(|(_, given)| *given && !site.tls) {
        Some((option, _)) => {
            Err(format!("{option} is about TLS, but {site} is without; write https:// or leave it out"))
        }
        None => Ok(()),
    }
}

/// Variables name files in texts, so all names are text here.
fn text_of(path: &Path) -> Result<&str, String> {
    path.to_str().ok_or_else(|| format!("the file name {} is not UTF-8", path.display()))
}
