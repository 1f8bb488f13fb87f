//! The whole way from text, variables and flags to [`Settings`] or [`Problems`].

use super::*;

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// A file `/etc/tollgate/t.toml`, or another by its extension.
fn resolved(extension: &str, text: &str, variables: &[(&str, &str)], flags: Flags) -> Result<Settings, Problems> {
    let path = PathBuf::from(format!("/etc/tollgate/t.{extension}"));
    resolve(Some(SettingsFile { path, text: text.to_owned() }), flags, &environment(variables))
}

#[track_caller]
fn check_problems(extension: &str, text: &str, variables: &[(&str, &str)], expected: &[&str]) {
    let found = resolved(extension, text, variables, Vec::new()).expect_err("there are problems").to_string();
    assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{text}");
}

#[test]
fn nothing_written_is_the_default() {
    let settings = resolve(None, Vec::new(), &Vec::new()).expect("defaults are allowed");
    assert_eq!(settings.config, Config::default());
    assert!(settings.sources.is_empty());
}

#[test]
fn stronger_sources_win_and_are_named() {
    let text = "shards = 2\nstage = \"file\"\n[limits]\nbody_bytes_max = 5\n";
    let flags = vec![("stage", Node::written("flag"))];
    let variables = [("TOLLGATE_SHARDS", "3"), ("TOLLGATE_STAGE", "variable")];
    let settings = resolved("toml", text, &variables, flags).expect("all is allowed");
    assert_eq!(settings.config.shards, ShardCount::Exactly(3));
    assert_eq!(settings.config.stage.as_deref(), Some("flag"));
    assert_eq!(settings.config.limits.body_bytes_max, 5);
    assert_eq!(settings.source("shards"), &Source::Environment("TOLLGATE_SHARDS".to_owned()));
    assert_eq!(settings.source("stage"), &Source::Flag("--stage".to_owned()));
    let place = Some(Place { line: 4, column: 18 });
    let path = PathBuf::from("/etc/tollgate/t.toml");
    assert_eq!(settings.source("limits.body_bytes_max"), &Source::File { path, place });
    assert_eq!(settings.source("admin"), &Source::Default);
}

#[test]
fn the_three_languages_say_the_same() {
    let toml = "files = [\"a.yaml\"]\nadmin = \"off\"\nstage_variables = { host = \"b:1\" }\n\
                tls.listen = [\"[::]:443\"]\n[[tls.certificates]]\ncertificate = \"c\"\nkey = \"/k\"\n";
    let yaml = "files: [a.yaml]\nadmin: off\nstage_variables:\n  host: b:1\ntls:\n  listen: ['[::]:443']\n  \
                certificates:\n    - certificate: c\n      key: /k\n";
    let json = "{\"files\": [\"a.yaml\"], \"admin\": \"off\", \"stage_variables\": {\"host\": \"b:1\"}, \"tls\": \
                {\"listen\": [\"[::]:443\"], \"certificates\": [{\"certificate\": \"c\", \"key\": \"/k\"}]}}";
    let mut expected = Config { admin: None, ..Config::default() };
    expected.files = vec!["/etc/tollgate/a.yaml".into()];
    expected.stage_variables.insert("host".into(), "b:1".into());
    expected.tls.listen = vec![SocketAddr::from(([0u16; 8], 443))];
    expected.tls.certificates = vec![CertificateFiles { certificate: "/etc/tollgate/c".into(), key: "/k".into() }];
    for (extension, text) in [("toml", toml), ("yaml", yaml), ("json", json)] {
        let settings = resolved(extension, text, &[], Vec::new());
        assert_eq!(settings.map(|settings| settings.config), Ok(expected.clone()), "{extension}");
    }
}

#[test]
fn tls_listens_everywhere_unless_it_has_addresses_of_its_own() {
    let mut config = Config::default();
    let plain = ListenAddress { address: config.listen[0], tls: false, asks_clients: false };
    assert_eq!(config.listen_addresses(), [plain]);
    config.tls.certificates = vec![CertificateFiles { certificate: "c".into(), key: "k".into() }];
    assert_eq!(config.listen_addresses(), [ListenAddress { tls: true, ..plain }]);
    let address = SocketAddr::from(([0, 0, 0, 0], 443));
    config.tls.listen = vec![address];
    assert_eq!(config.listen_addresses(), [plain, ListenAddress { address, tls: true, asks_clients: false }]);
}

#[test]
fn clients_are_asked_on_every_tls_address_unless_it_has_addresses_of_its_own() {
    let mut config = Config::default();
    config.tls.client_truststore_file = Some("t".into());
    let asked = |config: &Config| {
        config.listen_addresses().iter().map(|listen| (listen.tls, listen.asks_clients)).collect::<Vec<_>>()
    };
    assert_eq!(asked(&config), [(false, false)]);
    config.tls.certificates = vec![CertificateFiles { certificate: "c".into(), key: "k".into() }];
    assert_eq!(asked(&config), [(true, true)]);
    config.tls.listen = vec![SocketAddr::from(([0, 0, 0, 0], 443))];
    assert_eq!(asked(&config), [(false, false), (true, true)]);
    config.tls.client_auth_listen = vec![SocketAddr::from(([0, 0, 0, 0], 444))];
    assert_eq!(asked(&config), [(false, false), (true, false), (true, true)]);
}

#[test]
fn misspelt_names_are_found() {
    check_problems(
        "toml",
        "lisen = []\ntarget_bytes_max = 1\n[limit]\nx = 1\n[limits]\nheader_byte_max = 1\nconnect_timeout_ms = 1\n",
        &[("TOLLGATE_LIMIT_BODY_BYTES_MAX", "1")],
        &[
            "/etc/tollgate/t.toml:1:1: lisen: there is no such setting; did you mean \"listen\"?",
            "/etc/tollgate/t.toml:2:1: target_bytes_max: there is no such setting; did you mean \
             \"limits.target_bytes_max\"?",
            "/etc/tollgate/t.toml:3:2: limit: there is no such section; did you mean \"limits\"?",
            "/etc/tollgate/t.toml:6:1: limits.header_byte_max: there is no such setting; did you mean \
             \"limits.header_bytes_max\"?",
            "/etc/tollgate/t.toml:7:1: limits.connect_timeout_ms: there is no such setting; did you mean \
             \"upstream.connect_timeout_ms\"?",
            "environment variable TOLLGATE_LIMIT_BODY_BYTES_MAX: there is no such setting; did you mean \
             \"TOLLGATE_LIMITS_BODY_BYTES_MAX\"?",
        ],
    );
}

#[test]
fn all_problems_of_all_sources_come_at_once() {
    check_problems(
        "yaml",
        "listen:\n  - :8080\n  - 127.0.0.1\nadmin: 0.0.0.0:8081\n\
         limits: 5\nwatch: yes\nlog: {level: inf}\nwatch: true\n\
         limits: {}\nlog.level: info\n",
        &[("TOLLGATE_SHARDS", "0")],
        &[
            "/etc/tollgate/t.yaml:5:9: limits: the number 5 is not allowed; write a table",
            "/etc/tollgate/t.yaml:8:1: watch: this key is given twice",
            "/etc/tollgate/t.yaml:9:1: limits: this key is given twice",
            "/etc/tollgate/t.yaml:10:1: log.level: this key is given twice",
            "/etc/tollgate/t.yaml:2:5: listen: \":8080\" does not say who may connect; write \"127.0.0.1:8080\" for \
             this machine only, \"0.0.0.0:8080\" for every IPv4 address, \"[::]:8080\" for every address",
            "/etc/tollgate/t.yaml:3:5: listen: \"127.0.0.1\" has no port; write \"127.0.0.1:8080\"",
            "/etc/tollgate/t.yaml:6:8: watch: the text \"yes\" is not allowed; write true or false",
            "/etc/tollgate/t.yaml:7:14: log.level: the text \"inf\" is not allowed; write \"off\", \"error\", \
             \"warn\", \"info\", \"debug\" or \"trace\"; did you mean \"info\"?",
            "environment variable TOLLGATE_SHARDS: \"0\" is not allowed; write \"auto\" or a whole number from 1 \
             to 256",
            "/etc/tollgate/t.yaml:4:8: admin: 0.0.0.0:8081 can be reached from outside, and without credentials the admin \
             listener asks nobody for them; set management.access_keys or management.tokens, or write a loopback \
             address, such as \"127.0.0.1:8081\", or \"off\"",
        ],
    );
}

#[test]
fn secrets_are_never_shown() {
    let text = "admin = \"0.0.0.0:8081\"\n[[management.access_keys]]\nid = \"AK\"\nsecret = \"hidden-1\"\n\
                [[management.access_keys]]\nid = \"AK2\"\nsecret_file = \"key\"\nscope = \"read-only\"\n";
    let settings = resolved("toml", text, &[("TOLLGATE_MANAGEMENT_TOKENS", "ci:hidden-2")], Vec::new());
    let settings = settings.expect("all is allowed");
    assert_eq!(settings.config.management.tokens[0].name, "ci");
    let shown = [report::effective_text(&settings), report::effective_json(&settings), format!("{settings:?}")];
    for text in &shown {
        assert!(text.contains("AK") && text.contains("***") && !text.contains("hidden"), "{text}");
    }
    assert!(shown[0].contains("secret_file = \"/etc/tollgate/key\""), "{}", shown[0]);
    let refused = resolved("toml", &shown[0], &[], Vec::new()).expect_err("a listing has no secrets").to_string();
    assert!(refused.contains("this value of \"secret\" is not allowed"), "{refused}");
}

#[test]
fn unreadable_text_has_a_place() {
    let found = resolved("toml", "shards = \n", &[("TOLLGATE_ROOT", "1")], Vec::new()).expect_err("there are problems");
    let lines: Vec<String> = found.0.iter().map(Problem::to_string).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("/etc/tollgate/t.toml:1:"), "{lines:?}");
    assert!(lines[1].starts_with("environment variable TOLLGATE_ROOT: "), "{lines:?}");
    let found = resolved("yaml", "a: [1\nb: 2\n", &[], Vec::new()).expect_err("there are problems").to_string();
    assert!(found.starts_with("/etc/tollgate/t.yaml:2:"), "{found}");
}

#[test]
fn a_bomb_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}, ", level - 1).repeat(10);
        text += &format!("a{level}: &a{level} [{}]\n", alias.trim_end_matches(", "));
    }
    let found = resolved("yaml", &text, &[], Vec::new()).expect_err("the bomb is refused").to_string();
    assert!(found.ends_with("too many values for a settings file"), "{found}");
    assert!(resolved("yaml", &"[".repeat(100_000), &[], Vec::new()).is_err());
    assert!(resolved("toml", &format!("a = {}", "[".repeat(100_000)), &[], Vec::new()).is_err());
}

#[test]
fn a_value_that_is_hidden_by_a_stronger_one_is_checked_too() {
    check_problems(
        "toml",
        "shards = 300\n",
        &[("TOLLGATE_SHARDS", "2")],
        &["/etc/tollgate/t.toml:1:10: shards: the number 300 is not allowed; write \"auto\" or a whole number from 1 \
           to 256"],
    );
}

#[test]
fn a_rule_about_an_unreadable_setting_is_left_out() {
    check_problems(
        "toml",
        "tls.listen = [\"[::]:443\"]\ntls.certificates = 5\n",
        &[],
        &["/etc/tollgate/t.toml:2:20: tls.certificates: the number 5 is not allowed; write a list, each item a table \
           { certificate = \"…\", key = \"…\" } (in a variable: certificate:key)"],
    );
}

#[test]
fn a_rule_names_the_setting_that_somebody_chose() {
    check_problems(
        "toml",
        "admin = \"127.0.0.1:8080\"\n",
        &[],
        &["/etc/tollgate/t.toml:1:9: admin: 127.0.0.1:8080 is in listen and in admin; choose another port for one \
           of them"],
    );
}

#[test]
fn an_unreadable_file_does_not_hide_the_other_problems() {
    let path = Path::new("/nonexistent/t.toml");
    let problems = load(Some(path), Vec::new(), &environment(&[("TOLLGATE_SHARDS", "0")])).expect_err("two problems");
    assert_eq!(problems.0.len(), 2);
    let message = "/nonexistent/t.toml: the settings file cannot be read: No such file or directory";
    assert!(problems.to_string().starts_with(message), "{problems}");
    let named = environment(&[("TOLLGATE_CONFIG", "/nonexistent/u.toml")]);
    let problems = load(None, Vec::new(), &named).expect_err("the file is missing");
    assert!(problems.to_string().starts_with("/nonexistent/u.toml: "), "{problems}");
}

#[test]
fn what_config_prints_is_a_settings_file_that_says_the_same() {
    let text = "data = \"/var/lib/tollgate\"\nstage_variables = { a = \"b\" }\n\
                [[tls.certificates]]\ncertificate = \"a\\\"b\"\nkey = \"k\"\n\
                [forwarding]\ntrusted_proxies = [\"10.0.0.0/8\"]\n";
    let settings = resolved("toml", text, &[("TOLLGATE_SHARDS", "3")], Vec::new()).expect("all is allowed");
    let printed = report::effective_text(&settings);
    assert!(printed.contains("# environment variable TOLLGATE_SHARDS"), "{printed}");
    assert!(printed.contains("# file /etc/tollgate/t.toml:1"), "{printed}");
    let again = resolved("toml", &printed, &[], Vec::new()).expect("what is printed is allowed");
    assert_eq!(again.config, settings.config);
    let json: serde_json::Value = serde_json::from_str(&report::effective_json(&settings)).expect("it is JSON");
    assert_eq!(json["shards"], serde_json::json!({ "value": 3, "source": "environment variable TOLLGATE_SHARDS" }));
}

#[test]
fn parity_gives_limits_the_values_of_aws_unless_they_are_set() {
    let text = "parity = \"aws\"\n[limits]\nbody_bytes_max = 5\n";
    let settings = resolved("toml", text, &[("TOLLGATE_UPSTREAM_RESPONSE_IDLE_TIMEOUT_MS", "7")], Vec::new());
    let settings = settings.expect("all is allowed");
    let limits = &settings.config.limits;
    assert_eq!((limits.body_bytes_max, settings.config.upstream.response_idle_timeout_ms), (5, 7));
    assert_eq!((limits.response_body_bytes_max, limits.integration_timeout_max_ms), (10_485_760, 29_000));
    assert_eq!(settings.source("limits.response_body_bytes_max"), &Source::Preset("parity = \"aws\""));
    let printed = report::effective_text(&settings);
    let line = printed.lines().find(|line| line.starts_with("limits.integration_timeout_max_ms"));
    assert!(line.is_some_and(|line| line.ends_with("# preset parity = \"aws\"")), "{printed}");
    let again = resolved("toml", &printed, &[], Vec::new()).expect("what is printed is allowed");
    assert_eq!(again.config, settings.config);
    let settings = resolved("toml", "", &[("TOLLGATE_PARITY", "none")], Vec::new()).expect("all is allowed");
    assert_eq!(settings.config, Config::default());
}

/// After a change of the table: `cargo run -- config --reference > docs/settings.md`.
#[test]
fn the_reference_page_is_the_table() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
    let found = std::fs::read_to_string(page).expect("docs/settings.md exists");
    assert_eq!(found, report::reference_markdown(), "run `cargo run -- config --reference > docs/settings.md`");
}
