//! The files that AWS's tools share, `~/.aws/config` and `~/.aws/credentials`: profiles with settings.
//!
//! ```text
//! [default]                       [ann] in `credentials`, [profile ann] in `config`
//! aws_access_key_id = AKIA…       # a comment; so is ` ; …` behind a value
//! s3 =
//!   addressing_style = path       an indented line belongs to the one above: nothing that is read here
//! ```
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>

use std::collections::BTreeMap;

/// Settings by their names, in lower case.
pub type Profile = BTreeMap<String, String>;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Profiles {
    profiles: BTreeMap<String, Profile>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Config,
    Credentials,
}

impl Profiles {
    /// Adds what a file has; of a setting that is there already, the later file's counts.
    ///
    /// # Errors
    /// The number of a line that is neither a section nor a setting, with what it is not.
    pub fn add(&mut self, kind: FileKind, text: &str) -> Result<(), (usize, &'static str)> {
        // `None` outside of profiles, in whose sections other things stand.
        let mut name: Option<String> = None;
        let mut seen_section = false;
        for (number, line) in (1..).zip(text.lines()) {
            let is_indented = line.starts_with([' ', '\t']);
            let line = without_comment(line).trim();
            if line.is_empty() || is_indented {
                continue;
            }
            if let Some(rest) = line.strip_prefix('[') {
                let section = rest.strip_suffix(']').ok_or((number, "a section ends with \"]\""))?;
                name = profile_name(kind, section.trim());
                if let Some(name) = &name {
                    self.profiles.entry(name.clone()).or_default();
                }
                seen_section = true;
                continue;
            }
            let (key, value) = line.split_once('=').ok_or((number, "a setting is written name = value"))?;
            match &name {
                Some(name) => {
                    let profile = self.profiles.entry(name.clone()).or_default();
                    profile.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
                }
                None if seen_section => {}
                None => return Err((number, "a setting stands below a section")),
            }
        }
        Ok(())
    }

    pub fn profile(&self, name: &str) -> Option<&Profile> {
        self.profiles.get(name)
    }
}

/// A line that begins with `#` or `;`, and what follows one with white space before it. Values have none of their own in
/// the settings that are read here.
fn without_comment(line: &str) -> &str {
    if line.starts_with(['#', ';']) {
        return "";
    }
    let comment = [" #", " ;", "\t#", "\t;"].iter().filter_map(|mark| line.find(mark)).min();
    comment.map_or(line, |at| &line[..at])
}

fn profile_name(kind: FileKind, section: &str) -> Option<String> {
    match (kind, section.split_once([' ', '\t'])) {
        (FileKind::Config, Some(("profile", name))) => Some(name.trim().to_owned()),
        // Written by hand often enough, and read by AWS's tools.
        (FileKind::Config, None) if section == "default" => Some(section.to_owned()),
        (FileKind::Config, _) => None,
        (FileKind::Credentials, _) => Some(section.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: &[(FileKind, &str)], expected: Result<&[(&str, &str)], (usize, &'static str)>) {
        let mut profiles = Profiles::default();
        let added = files.iter().try_for_each(|(kind, text)| profiles.add(*kind, text));
        let shown = |(name, profile): (&String, &Profile)| {
            let settings: Vec<String> = profile.iter().map(|(key, value)| format!("{key}={value}")).collect();
            (name.clone(), settings.join(" "))
        };
        let found: Vec<(String, String)> = profiles.profiles.iter().map(shown).collect();
        let found: Vec<(&str, &str)> = found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(added.map(|()| &found[..]), expected);
    }

    #[test]
    fn files() {
        use FileKind::{Config, Credentials};
        check(&[], Ok(&[]));
        check(
            &[(
                Config,
                "# a comment\n[default]\nRegion = eu-west-1 # here\ns3 =\n  addressing_style = path\n\n[profile ann]\n\
                 output=json\n[sso-session x]\nsso_region = r\n; another\n[other]\na = 1\n",
            )],
            Ok(&[("ann", "output=json"), ("default", "region=eu-west-1 s3=")]),
        );
        check(
            &[
                (Config, "[profile ann]\naws_access_key_id = A\nregion = r\n"),
                (Credentials, "[ann]\r\naws_access_key_id=B\r\naws_secret_access_key = a/b+c=d\r\n[ben x]\r\n"),
            ],
            Ok(&[("ann", "aws_access_key_id=B aws_secret_access_key=a/b+c=d region=r"), ("ben x", "")]),
        );
        check(&[(Credentials, "[a#b]\nk = v#w;x\n")], Ok(&[("a#b", "k=v#w;x")]));
        check(&[(Config, "\n[default\n")], Err((2, "a section ends with \"]\"")));
        check(&[(Config, "[default]\nnonsense\n")], Err((2, "a setting is written name = value")));
        check(&[(Config, "a = 1\n")], Err((1, "a setting stands below a section")));
    }
}
