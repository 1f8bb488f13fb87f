//! The settings of the management API as the control plane takes them; secrets that stand in files are read here.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::config::{AuditDestination, KeyScope, Management, Secret, SecretSource};
use crate::control_plane::access::{AccessKey, AccessSettings, Scope, Token};
use crate::control_plane::audit::AuditTarget;

/// More than any secret has: the wrong path is not read to its end.
const SECRET_FILE_BYTES_MAX: u64 = 8_192;

/// # Errors
/// A file with a secret cannot be read, or has no secret in it.
pub fn access_settings(management: &Management) -> Result<AccessSettings, String> {
    let keys = management
        .access_keys
        .iter()
        .map(|key| Ok(AccessKey { id: key.id.clone(), secret: secret(&key.secret)?, scope: scope(key.scope) }));
    let tokens = management
        .tokens
        .iter()
        .map(|token| Ok(Token { name: token.name.clone(), token: secret(&token.token)?, scope: scope(token.scope) }));
    Ok(AccessSettings {
        access_keys: keys.collect::<Result<_, String>>()?,
        tokens: tokens.collect::<Result<_, String>>()?,
        region: management.region.clone(),
        clock_skew_ms: management.clock_skew_ms,
    })
}

pub fn audit_target(destination: &AuditDestination) -> AuditTarget {
    match destination {
        AuditDestination::Off => AuditTarget::Off,
        AuditDestination::Log => AuditTarget::Log,
        AuditDestination::File(path) => AuditTarget::File(path.clone()),
    }
}

fn scope(scope: KeyScope) -> Scope {
    match scope {
        KeyScope::Full => Scope::Full,
        KeyScope::ReadOnly => Scope::ReadOnly,
    }
}

/// # Errors
/// The file cannot be read, or has no secret in it.
pub fn secret(source: &SecretSource) -> Result<String, String> {
    secret_in(source, Secret::new)
}

/// The same for one that has to keep to another rule.
///
/// # Errors
/// As above.
pub fn secret_in(source: &SecretSource, rule: impl Fn(&str) -> Result<Secret, &'static str>) -> Result<String, String> {
    match source {
        SecretSource::Given(secret) => Ok(secret.expose().to_owned()),
        SecretSource::File(path) => read(path, rule).map_err(|reason| format!("{}: {reason}", path.display())),
    }
}

fn read(path: &Path, rule: impl Fn(&str) -> Result<Secret, &'static str>) -> Result<String, String> {
    let mut text = String::new();
    let opened = File::open(path).map(|file| file.take(SECRET_FILE_BYTES_MAX));
    opened.and_then(|mut file| file.read_to_string(&mut text)).map_err(|error| error.to_string())?;
    let secret = rule(text.trim_end());
    secret.map(|secret| secret.expose().to_owned()).map_err(|allowed| format!("this is no secret; write {allowed}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn with_secret_in(path: &Path) -> Management {
        let secret = SecretSource::File(path.to_owned());
        let key = config::AccessKey { id: "AK".to_owned(), secret, scope: KeyScope::ReadOnly };
        Management { access_keys: vec![key], ..Management::default() }
    }

    #[test]
    fn secrets_are_read_from_files() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("key");
        std::fs::write(&path, "secret-of-AK\n").expect("writable");
        let settings = access_settings(&with_secret_in(&path)).expect("the file has a secret");
        assert_eq!(
            (settings.access_keys[0].secret.as_str(), settings.access_keys[0].scope),
            ("secret-of-AK", Scope::ReadOnly)
        );
        for text in ["", "short", "two words\n", "line\nand line"] {
            std::fs::write(&path, text).expect("writable");
            let reason = access_settings(&with_secret_in(&path)).expect_err("this is no secret");
            assert!(reason.ends_with("write 8 to 1024 printable characters without spaces"), "{reason}");
        }
        let reason = access_settings(&with_secret_in(&folder.path().join("none"))).expect_err("there is none");
        assert!(reason.ends_with("none: No such file or directory (os error 2)"), "{reason}");
    }
}
