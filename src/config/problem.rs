//! What is wrong with the settings: every problem with its place, all of them at once.

use super::value::Place;
use std::fmt;
use std::path::PathBuf;

/// Where a value comes from, weakest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    /// The setting that gives others their values, as it is written: `parity = "aws"`.
    Preset(&'static str),
    /// The settings file. Without a place when the file as a whole is meant.
    File {
        path: PathBuf,
        place: Option<Place>,
    },
    /// The name of the variable.
    Environment(String),
    /// The flag with its dashes, or `FILE` for the files that a command names.
    Flag(String),
}

impl Source {
    /// A greater number is the stronger source.
    pub fn strength(&self) -> u8 {
        match self {
            Source::Default => 0,
            Source::Preset(_) => 1,
            Source::File { .. } => 2,
            Source::Environment(_) => 3,
            Source::Flag(_) => 4,
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub source: Source,
    /// The setting, `limits.target_bytes_max`; none when the problem belongs to no single one.
    pub key: Option<String>,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// All that is wrong; never empty when it is returned as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// The exit code of a command that these problems end: 2 when the command line is at fault, 1 when only a file or
    /// the environment is.
    pub fn exit_code(&self) -> u8 {
        let command_line = self.0.iter().any(|problem| matches!(problem.source, Source::Flag(_)));
        if command_line { 2 } else { 1 }
    }
}

impl std::error::Error for Problems {}

/// One line a problem: `tollgate.toml:3:20: limits.target_bytes_max: …`.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.source, &self.key) {
            (Source::Default, Some(key)) => write!(f, "{key}: {}", self.message),
            (Source::Default, None) => write!(f, "{}", self.message),
            (source @ Source::File { .. }, Some(key)) => write!(f, "{source}: {key}: {}", self.message),
            (source, _) => write!(f, "{source}: {}", self.message),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => write!(f, "default"),
            Source::Preset(preset) => write!(f, "{preset}"),
            Source::File { path, place: Some(place) } => write!(f, "{}:{place}", path.display()),
            Source::File { path, place: None } => write!(f, "{}", path.display()),
            Source::Environment(name) => write!(f, "environment variable {name}"),
            Source::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

/// The end of a message about an unknown word: `; did you mean "listen"?`, or nothing when no candidate is near.
///
/// Near is within a third of the word's length in insertions, deletions, replacements and swaps, so that `lisen` finds
/// `listen` and `xyz` finds nothing.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let distance_max = (word.chars().count() / 3).max(1);
    let nearest = candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((distance, candidate)) if distance <= distance_max => format!("; did you mean \"{candidate}\"?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        #[track_caller]
        fn check(word: &str, expected: &str) {
            assert_eq!(did_you_mean(word, ["listen", "admin", "shards"]), expected, "{word}");
        }
        check("lisen", "; did you mean \"listen\"?");
        check("lsiten", "; did you mean \"listen\"?");
        check("Admin", "; did you mean \"admin\"?");
        check("xyz", "");
        check("", "");
    }

    #[test]
    fn a_problem_of_the_command_line_is_a_usage_error() {
        let problem = |source| Problem { source, key: None, message: String::new() };
        let file = problem(Source::File { path: "t.toml".into(), place: None });
        let flag = problem(Source::Flag("--listen".into()));
        assert_eq!(Problems(vec![file.clone()]).exit_code(), 1);
        assert_eq!(Problems(vec![file, flag]).exit_code(), 2);
    }
}
