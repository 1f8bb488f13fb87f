//! The command line as reports show it.

use std::ffi::OsString;

/// Headers whose values are credentials.
const SECRET: &[&str] =
    &["authorization", "proxy-authorization", "cookie", "x-api-key", "x-amz-security-token", "x-auth-token"];

/// `arguments` with `…` for the value of each of `headers` that is a credential, however the option was written.
pub fn without_secrets(arguments: &[OsString], headers: &[String]) -> Vec<String> {
    let secret: Vec<(&str, String)> = headers
        .iter()
        .filter_map(|header| header.split_once(':').map(|(name, _)| (header.as_str(), name)))
        .filter(|(_, name)| SECRET.contains(&name.trim().to_ascii_lowercase().as_str()))
        .map(|(header, name)| (header, format!("{name}: …")))
        .collect();
    let masked = |argument: &OsString| {
        let argument = argument.to_string_lossy().into_owned();
        match secret.iter().find(|(header, _)| argument.ends_with(header)) {
            Some((header, shown)) => format!("{}{shown}", &argument[..argument.len() - header.len()]),
            None => argument,
        }
    };
    arguments.iter().map(masked).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        #[track_caller]
        fn check(arguments: &[&str], header: &str, expected: &[&str]) {
            let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
            assert_eq!(without_secrets(&arguments, &[header.to_owned()]), expected);
        }
        let header = "Authorization: Bearer abc";
        check(&["-H", header], header, &["-H", "Authorization: …"]);
        check(&[&format!("-H{header}")], header, &["-HAuthorization: …"]);
        check(&[&format!("-qH{header}")], header, &["-qHAuthorization: …"]);
        check(&[&format!("--header={header}")], header, &["--header=Authorization: …"]);
        check(&["-H", "COOKIE:a"], "COOKIE:a", &["-H", "COOKIE: …"]);
        check(&["-H", "X-Api-Key : a"], "X-Api-Key : a", &["-H", "X-Api-Key : …"]);
        check(&["-H", "Accept: a", "b"], "Accept: a", &["-H", "Accept: a", "b"]);
    }
}
