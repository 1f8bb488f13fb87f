//! Signatures as others make them: AWS's own vectors of Signature Version 4, from the published crate `aws-sigv4`, which
//! cargo fetches on first use, each a request and what it is when signed in a field and in the query; and what botocore signs.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use tollgate::sign::{
    self, BodyHasher, Claim, Credentials, Known, PathStyle, Request, Scope, SignError, SigningKey, Timestamp,
};

#[derive(Deserialize)]
struct Context {
    credentials: Key,
    normalize: bool,
    /// The token is added to the request after it has been signed.
    #[serde(default)]
    omit_session_token: bool,
    region: String,
    service: String,
    sign_body: bool,
    timestamp: String,
}

#[derive(Deserialize)]
struct Key {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
}

/// A file of a vector: a request, signed or not.
struct Written {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
}

#[test]
fn requests_are_signed_and_verified_as_on_aws() {
    let folder = vectors();
    let entries = std::fs::read_dir(&folder).expect("the crate has its vectors");
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    folders.sort();
    // Two of the crate's own lack a context, and the dates of what they expect do not agree.
    folders.retain(|folder| folder.join("context.json").exists());
    assert_eq!(folders.len(), 38, "vectors in {}", folder.display());
    let wrong: Vec<String> = folders.iter().flat_map(|folder| check(folder)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with one vector.
fn check(folder: &Path) -> Vec<String> {
    let context: Context = serde_json::from_str(&read(folder, "context.json")).expect("a context");
    let date: String = context.timestamp.chars().filter(|character| !"-:".contains(*character)).collect();
    let at = Timestamp::parse(&date).expect("the time of a vector");
    let style = if context.normalize { PathStyle::Normalized } else { PathStyle::Verbatim };
    let mut wrong = Vec::new();
    let mut expect = |what: &str, found: String, expected: String| {
        if found != expected {
            wrong.push(format!("{}: {what}: {found} is not {expected}", folder.display()));
        }
    };

    let authorization = format!("Signature={}", read(folder, "header-signature.txt").trim());
    let mut request = Written::parse(&read(folder, "request.txt"));
    // What is signed is a path that has been encoded once, while these have a space; but in this one file it is encoded.
    request.path = request.path.replace("%20", " ");
    let signed = signed(&context, request, style, at);
    expect("signed", signed.rsplit(", ").next().unwrap_or_default().to_owned(), authorization);

    // Only what is signed is believed, here and wherever such a request is sent.
    let (in_field, in_query) = match context.omit_session_token {
        true => {
            (Err(SignError::UnsignedHeader("x-amz-security-token".to_owned())), Err(SignError::SignatureDoesNotMatch))
        }
        false => (Ok(()), Ok(())),
    };
    for (file, expected) in [("header-signed-request.txt", in_field), ("query-signed-request.txt", in_query)] {
        let found = Written::parse(&read(folder, file)).with_request(style, |request| {
            sign::verify(request, &Claim::parse(request)?, &context.credentials.secret_access_key, at, 0)
        });
        expect(file, format!("{found:?}"), format!("{expected:?}"));
    }
    wrong
}

/// The field `authorization`.
fn signed(context: &Context, mut request: Written, style: PathStyle, at: Timestamp) -> String {
    if context.sign_body {
        request.headers.push(("x-amz-content-sha256".to_owned(), sign::hash(request.body.as_bytes())));
    }
    let Key { access_key_id, secret_access_key, token } = &context.credentials;
    let credentials = Credentials {
        access_key_id: access_key_id.clone(),
        secret_access_key: secret_access_key.clone(),
        session_token: token.clone().filter(|_| !context.omit_session_token),
    };
    let scope = Scope { region: &context.region, service: &context.service };
    let added = request.with_request(style, |request| sign::sign(request, &credentials, scope, at));
    added.into_iter().find(|(name, _)| *name == "authorization").expect("it is always added").1
}

impl Written {
    /// The target may have spaces in it, and a field may go on in the next line.
    fn parse(text: &str) -> Written {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let (first, fields) = head.split_once('\n').unwrap_or((head, ""));
        let (method, rest) = first.split_once(' ').expect("a method and a target");
        let target = rest.strip_suffix(" HTTP/1.1").unwrap_or(rest);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in fields.lines() {
            match (line.starts_with(' '), headers.last_mut()) {
                (true, Some((_, value))) => *value += line,
                _ => {
                    let (name, value) = line.split_once(':').expect("a name and a value");
                    headers.push((name.to_owned(), value.to_owned()));
                }
            }
        }
        let (method, path, query, body) = (method.to_owned(), path.to_owned(), query.to_owned(), body.to_owned());
        Written { method, path, query, headers, body }
    }

    fn with_request<R>(&self, path_style: PathStyle, see: impl FnOnce(&Request<'_>) -> R) -> R {
        let Written { method, path, query, headers, body } = self;
        // A leading space is the separator's.
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (name.as_str(), value.trim().as_bytes())).collect();
        see(&Request { method, path, path_style, query, headers: &headers, body: body.as_bytes() })
    }
}

fn read(folder: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(folder.join(name)).expect("every vector has its files");
    text.replace("\r\n", "\n")
}

/// The folder with a folder each.
fn vectors() -> PathBuf {
    let given = std::env::var_os("AWS_SIGV4_CRATE").map(PathBuf::from);
    given.unwrap_or_else(fetched).join("aws-signing-test-suite/v4")
}

/// Where cargo has unpacked the crate, for a package that exists for this only: nothing of the gateway depends on it.
fn fetched() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aws-sigv4");
    let manifest = folder.join("Cargo.toml");
    std::fs::create_dir_all(folder.join("src")).expect("target can be written to");
    std::fs::write(folder.join("src/lib.rs"), "").expect("target can be written to");
    std::fs::write(&manifest, MANIFEST).expect("target can be written to");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let run =
        Command::new(cargo).args(["metadata", "--format-version", "1", "--manifest-path"]).arg(&manifest).output();
    let output = run.expect("cargo runs, for it runs this");
    assert!(
        output.status.success(),
        "cargo could not get the vectors; with the folder of aws-sigv4 in AWS_SIGV4_CRATE it needs no network: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("cargo lists packages");
    let package = packages.iter().find(|package| package["name"] == "aws-sigv4").expect("the manifest names it");
    let manifest = Path::new(package["manifest_path"].as_str().expect("every package has a manifest"));
    manifest.parent().expect("a file is in a folder").to_owned()
}

const MANIFEST: &str = r#"[package]
name = "vectors"
version = "0.0.0"
edition = "2024"

[dependencies]
aws-sigv4 = { version = "=1.3.6", default-features = false }

[workspace]
"#;

/// What botocore signs, as `tests/vectors/sigv4.py` wrote it down.
#[derive(Deserialize)]
struct Botocore {
    name: String,
    service: String,
    region: String,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
    /// With the signature, if it was presigned.
    signed_target: String,
    signed_headers: Vec<(String, String)>,
}

#[test]
fn botocore_and_the_gateway_understand_each_other() {
    let text = include_str!("vectors/sigv4.json");
    let all: Vec<Botocore> = serde_json::from_str(text).expect("vectors");
    assert_eq!(all.len(), 14);
    for vector in &all {
        vector.check_verified();
        if vector.signed_target == vector.target {
            vector.check_signed();
        }
    }
}

impl Botocore {
    fn at() -> Timestamp {
        Timestamp::parse("20150830T123600Z").expect("the time of all of them")
    }

    fn with_request<R>(&self, target: &str, headers: &[(String, String)], see: impl FnOnce(&Request<'_>) -> R) -> R {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let path_style = PathStyle::of(&self.service);
        see(&Request { method: &self.method, path, path_style, query, headers: &headers, body: self.body.as_bytes() })
    }

    /// In two steps, as the data plane does it.
    fn check_verified(&self) {
        let left = self.with_request(&self.signed_target, &self.signed_headers, |request| {
            let claim = Claim::parse(request)?;
            claim.check_scope(Some(&self.region), &self.service)?;
            assert_eq!(claim.access_key_id, self.access_key_id);
            let key = SigningKey::derive(&self.secret_access_key, &claim.date, claim.scope());
            let known = Known { key: &key, session_token: self.session_token.as_deref() };
            sign::verify_head(request, &claim, known, Botocore::at(), 0)
        });
        let mut hasher = BodyHasher::new();
        hasher.update(self.body.as_bytes());
        let judged = left.and_then(|left| left.check(&hasher.finish()));
        assert_eq!(judged, Ok(()), "{}", self.name);
    }

    fn check_signed(&self) {
        let mut headers = self.headers.clone();
        // S3's signer adds it by itself.
        let declared = self.signed_headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(sign::CONTENT_SHA256));
        headers.extend(declared.cloned());
        let credentials = Credentials {
            access_key_id: self.access_key_id.clone(),
            secret_access_key: self.secret_access_key.clone(),
            session_token: self.session_token.clone(),
        };
        let scope = Scope { region: &self.region, service: &self.service };
        let added = self
            .with_request(&self.target, &headers, |request| sign::sign(request, &credentials, scope, Botocore::at()));
        for (name, value) in added {
            let theirs = self.signed_headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
            assert_eq!(theirs.map(|(_, value)| value), Some(&value), "{}: {name}", self.name);
        }
    }
}
