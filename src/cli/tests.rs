//! From the words of a command line to settings.

use super::*;
use crate::config::{Config, Driver, ShardCount, Source};
use clap::CommandFactory;
use clap::error::ErrorKind;

fn parse(line: &str) -> Result<Command, clap::Error> {
    CommandLine::try_parse_from(line.split_whitespace()).map(|command_line| command_line.command)
}

/// The settings that `tollgate serve` would run on.
fn serve(line: &str) -> Result<Settings, Problems> {
    match parse(&format!("tollgate serve {line}")).expect("the command line is allowed") {
        Command::Serve(args) => args.settings(&Vec::new()),
        _ => unreachable!("the line begins with serve"),
    }
}

#[test]
fn the_command_line_is_consistent() {
    CommandLine::command().debug_assert();
}

#[test]
fn every_flag_reaches_its_setting() {
    #[track_caller]
    fn check(line: &str, flag: &str, key: &str, change: impl FnOnce(&mut Config)) {
        let settings = serve(line).expect("the flags are allowed");
        let mut expected = Config::default();
        change(&mut expected);
        assert_eq!(settings.config, expected, "{line}");
        assert_eq!(settings.source(key), &Source::Flag(flag.to_owned()), "{line}");
        assert_eq!(settings.sources.len(), 1, "{line}");
    }
    check("a.yaml b.yaml", "FILE", "files", |config| config.files = vec!["a.yaml".into(), "b.yaml".into()]);
    check("--listen localhost:1 --listen [::]:2", "--listen", "listen", |config| {
        config.listen = vec![([127, 0, 0, 1], 1).into(), ([0u16; 8], 2).into()];
    });
    check("--admin off", "--admin", "admin", |config| config.admin = None);
    check("--shards 3", "--shards", "shards", |config| config.shards = ShardCount::Exactly(3));
    check("--driver epoll", "--driver", "driver", |config| config.driver = Driver::Epoll);
    check("--data d", "--data", "data", |config| config.data = Some("d".into()));
    check("--stage v1", "--stage", "stage", |config| config.stage = Some("v1".into()));
    check("--stage-variable a=b,c --stage-variable d=e", "--stage-variable", "stage_variables", |config| {
        config.stage_variables = [("a".into(), "b,c".into()), ("d".into(), "e".into())].into();
    });
    check("--root", "--root", "root", |config| config.root = true);
    check("--root=false", "--root", "root", |config| config.root = false);
    check("--basepath split", "--basepath", "basepath", |config| config.basepath = BasePath::Split);
    check("--mock-missing", "--mock-missing", "mock_missing", |config| config.mock_missing = true);
    let pairs = "--tls-certificate c1 --tls-key k1 --tls-key k2 --tls-certificate c2";
    check(pairs, "--tls-certificate", "tls.certificates", |config| {
        let pair = |certificate: &str, key: &str| crate::config::CertificateFiles {
            certificate: certificate.into(),
            key: key.into(),
        };
        config.tls.certificates = vec![pair("c1", "k1"), pair("c2", "k2")];
    });
}

#[test]
fn a_switch_does_not_swallow_a_file() {
    let settings = serve("--root a.yaml").expect("the flags are allowed");
    assert_eq!((settings.config.root, settings.config.files), (true, vec!["a.yaml".into()]));
}

#[test]
fn wrong_values_are_usage_errors() {
    #[track_caller]
    fn check(line: &str, expected: &str) {
        let problems = serve(line).expect_err("there is a problem");
        assert_eq!((problems.to_string().as_str(), problems.exit_code()), (expected, 2), "{line}");
    }
    check("--shards 0", "--shards: \"0\" is not allowed; write \"auto\" or a whole number from 1 to 256");
    check(
        "--stage a/b",
        "--stage: \"a/b\" is not allowed; write \"$default\" or 1 to 128 letters, digits, hyphens and \
                          underscores",
    );
    check("--stage-variable a", "--stage-variable: \"a\" has no \"=\"; write name=value");
    check(
        "--tls-key k",
        "--tls-certificate: \"certificate\" is missing; a certificate needs its key and a key its certificate",
    );
    check(
        "--listen 127.0.0.1:8081",
        "--listen: 127.0.0.1:8081 is in listen and in admin; choose another port for one of them",
    );
}

#[test]
fn wrong_words_are_usage_errors() {
    #[track_caller]
    fn check(line: &str, expected: ErrorKind) {
        let error = parse(line).expect_err("the line is wrong");
        assert_eq!(error.kind(), expected, "{line}");
        assert_eq!(error.exit_code(), 2, "{line}");
    }
    check("tollgate", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
    check("tollgate sreve", ErrorKind::InvalidSubcommand);
    check("tollgate serve --lisen x", ErrorKind::UnknownArgument);
    check("tollgate serve --driver kqueue", ErrorKind::InvalidValue);
    check("tollgate check --format xml a.yaml", ErrorKind::InvalidValue);
    check("tollgate completions tcsh", ErrorKind::InvalidValue);
}

/// The default is written twice, in the table and in the help; so is the flag's name.
#[test]
fn the_help_and_the_table_agree() {
    let mut command = CommandLine::command();
    let serve = command.find_subcommand_mut("serve").expect("there is serve");
    for row in serde_json::from_str::<Vec<serde_json::Value>>(&crate::config::report::reference_json()).expect("rows") {
        let Some(flag) = row["flag"].as_str().and_then(|flag| flag.strip_prefix("--")) else { continue };
        let argument = serve.get_arguments().find(|argument| argument.get_long() == Some(flag));
        let help = argument.and_then(|argument| argument.get_help()).expect(flag).to_string();
        if let Some((_, default)) = help.split_once("[default: ") {
            let shown = match &row["default"] {
                serde_json::Value::Array(items) => items[0].clone(),
                serde_json::Value::Null => "none".into(),
                value => value.clone(),
            };
            let word = default.trim_end_matches(']').split(',').next();
            assert_eq!(word, shown.as_str(), "--{flag}");
        }
    }
}

#[test]
fn every_command_has_help_and_version() {
    for command in ["", "serve", "check", "routes", "test-invoke", "config", "completions", "keys", "plans", "usage"] {
        let error = parse(&format!("tollgate {command} --help")).expect_err("help is printed");
        assert_eq!((error.kind(), error.exit_code()), (ErrorKind::DisplayHelp, 0), "{command}");
    }
    let version = parse("tollgate --version").expect_err("the version is printed").to_string();
    assert!(version.starts_with(concat!("tollgate ", env!("CARGO_PKG_VERSION"), " (")), "{version}");
}
