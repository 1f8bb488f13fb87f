//! The rooms of the source and who may know whom, as `src/lib.rs` states it under "Architecture Invariants"; and those of the
//! load tester, as `loadtest/src/lib.rs` states it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What each room may name of the crate. A path in the first column is for that part of a room, with the room's own
/// names besides.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("http", &[]),
    ("stats", &[]),
    ("meter", &[]),
    ("jsonpath", &[]),
    ("limit", &[]),
    ("sign", &[]),
    ("policy", &[]),
    ("jwt", &[]),
    ("vtl", &["jsonpath"]),
    ("net", &[]),
    ("diagnostic", &[]),
    ("config", &["diagnostic", "function"]),
    ("function", &[]),
    ("openapi", &["diagnostic", "model"]),
    ("plan", &["jsonpath", "jwt", "limit", "meter", "policy", "sign", "stats", "vtl"]),
    ("plan/compile", &["jsonpath", "jwt", "limit", "model", "policy", "vtl"]),
    ("data_plane", &["http", "jsonpath", "jwt", "limit", "meter", "net", "plan", "policy", "sign", "stats", "vtl"]),
    ("control_plane", &["diagnostic", "jwt", "limit", "meter", "model", "openapi", "plan", "sign", "stats"]),
    ("cli", EVERYTHING),
    ("server", EVERYTHING),
    ("lib", EVERYTHING),
    ("main", EVERYTHING),
];

const EVERYTHING: &[&str] = &[
    "cli",
    "config",
    "control_plane",
    "data_plane",
    "diagnostic",
    "function",
    "http",
    "jsonpath",
    "jwt",
    "limit",
    "meter",
    "model",
    "net",
    "openapi",
    "plan",
    "policy",
    "server",
    "sign",
    "stats",
    "vtl",
];

/// Where `unsafe` may stand: invariant 7.
const UNSAFE: &[&str] = &[
    "function/warden.rs",
    "meter/arena.rs",
    "net/buffer.rs",
    "net/deadline.rs",
    "net/listener.rs",
    "net/mailbox.rs",
    "net/runtime.rs",
    "net/stream.rs",
    "server.rs",
];

/// Packages that only `net` names.
const OF_NET: &[&str] = &["monoio", "io_uring", "rustls", "rustls_native_certs", "webpki"];

/// Where `unsafe` may stand in the load tester.
const LOADTEST_UNSAFE: &[&str] = &["engine/epoll.rs", "engine/ring.rs", "measure/process.rs"];

/// What only the load tester's `engine` names.
const OF_ENGINE: &[&str] = &["io_uring", "rustls", "rustls_native_certs"];

#[test]
fn rooms_name_only_what_they_may() {
    let mut wrong = Vec::new();
    for file in sources() {
        let allowed = allowed(&file.name);
        for (line, room) in file.crate_paths() {
            if !allowed.contains(room.as_str()) {
                wrong.push(format!("src/{}:{line} names `{room}`", file.name));
            }
        }
    }
    assert!(wrong.is_empty(), "see the invariants in src/lib.rs:\n{}", wrong.join("\n"));
}

#[test]
fn only_net_names_the_runtime() {
    let mut wrong = Vec::new();
    for file in sources().iter().filter(|file| room(&file.name) != "net") {
        for (number, line) in file.code() {
            for package in OF_NET.iter().filter(|package| names(line, package)) {
                wrong.push(format!("src/{}:{number} names `{package}`", file.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_data_plane_knows_no_tokio_and_no_stage_of_the_other() {
    let in_data_plane = |file: &&Source| matches!(room(&file.name), "data_plane" | "net" | "http" | "plan");
    for file in sources().iter().filter(in_data_plane) {
        for (number, line) in file.code() {
            assert!(!names(line, "tokio"), "src/{}:{number} names tokio", file.name);
        }
    }
}

#[test]
fn unsafe_stands_where_the_map_says() {
    let map = read(&root().join("src/lib.rs"));
    check_unsafe(&sources(), UNSAFE);
    let net: Vec<_> = UNSAFE.iter().filter_map(|name| name.strip_prefix("net/")?.strip_suffix(".rs")).collect();
    assert!(map.contains(&format!("net/{{{}}}.rs", net.join(","))), "src/lib.rs lists other files");
}

#[test]
fn in_the_load_tester_only_the_engine_talks_to_the_kernel_and_to_tls() {
    let sources = sources_below("loadtest/src");
    check_unsafe(&sources, LOADTEST_UNSAFE);
    let map = read(&root().join("loadtest/src/lib.rs"));
    assert!(map.contains("`engine/{epoll,ring}.rs` and\n//!    `measure/process.rs`"), "its map lists other files");
    for file in sources.iter().filter(|file| room(&file.name) != "engine") {
        for (number, line) in file.code() {
            let named = OF_ENGINE.iter().find(|package| names(line, package));
            assert_eq!(named, None, "loadtest/src/{}:{number}", file.name);
            assert!(!line.contains("libc::epoll"), "loadtest/src/{}:{number} names epoll", file.name);
        }
    }
}

#[test]
fn the_load_tester_and_the_gateway_do_not_know_each_other() {
    for (folder, manifest, other) in
        [("loadtest", "loadtest/Cargo.toml", "tollgate"), ("src", "Cargo.toml", "loadtest")]
    {
        let manifest = read(&root().join(manifest));
        let dependency =
            manifest.lines().find(|line| line.starts_with(other) || line.contains(&format!("\"{other}\" }}")));
        assert_eq!(dependency, None);
        for file in sources_below(folder) {
            let named = file.code().find(|(_, line)| names(line, other));
            assert_eq!(named, None, "{folder}/{} names {other}", file.name);
        }
    }
}

#[track_caller]
fn check_unsafe(sources: &[Source], allowed: &[&str]) {
    for file in sources {
        let has = file.code().any(|(_, line)| line.contains("unsafe ") && !line.contains("unsafe_"));
        let listed = allowed.contains(&file.name.as_str());
        assert_eq!(has, listed, "`unsafe` in {}", file.name);
        for (number, line) in file.code().filter(|(_, line)| line.contains("unsafe {")) {
            let before = file.text.lines().take(number).collect::<Vec<_>>();
            let noted = before.iter().rev().take(6).any(|line| line.contains("SAFETY:"));
            assert!(noted, "{}:{number} has no SAFETY note: {line}", file.name);
        }
    }
}

/// `foo.rs` next to `foo/`.
#[test]
fn there_is_no_mod_rs() {
    for folder in ["src", "tests", "loadtest"] {
        for file in files(&root().join(folder)) {
            assert!(!file.ends_with("mod.rs"), "{}", file.display());
        }
    }
}

/// The map in `lib.rs` names every room, and the table here too.
#[test]
fn every_room_is_on_the_map() {
    let map = read(&root().join("src/lib.rs"));
    let rooms: BTreeSet<String> = sources().iter().map(|file| room(&file.name).to_owned()).collect();
    for name in rooms.iter().filter(|name| !matches!(name.as_str(), "lib" | "main")) {
        assert!(
            map.contains(&format!("[`{name}`]")) || map.contains(&format!("[`{name}::")),
            "{name} is not on the map"
        );
        assert!(MAY_NAME.iter().any(|(room, _)| room == name), "{name} is not in the table");
    }
}

#[test]
fn crate_paths_are_found() {
    let source = |text: &str| Source { name: "x.rs".to_owned(), text: text.to_owned() };
    let rooms = |text: &str| source(text).crate_paths().into_iter().map(|(_, room)| room).collect::<Vec<_>>();
    assert_eq!(rooms("use crate::plan::Plan;"), ["plan"]);
    assert_eq!(rooms("use crate::{\n    http::head,\n    net::{a, b},\n    stats,\n};"), ["http", "net", "stats"]);
    assert_eq!(rooms("let x = crate::model::Stage::default();"), ["model"]);
    assert_eq!(rooms("pub(crate) fn f() {}\n// crate::cli in a comment"), Vec::<String>::new());
}

struct Source {
    /// Below the package's `src`.
    name: String,
    text: String,
}

impl Source {
    /// Lines without comments, numbered from 1.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = self.text.lines().enumerate().map(|(at, line)| (at + 1, line));
        numbered.map(|(number, line)| (number, without_comment(line)))
    }

    /// The rooms behind each `crate::`, with their lines.
    fn crate_paths(&self) -> Vec<(usize, String)> {
        let code: String = self.code().map(|(_, line)| format!("{line}\n")).collect();
        let mut found = Vec::new();
        for (at, _) in code.match_indices("crate::") {
            let line = code[..at].matches('\n').count() + 1;
            let rest = &code[at + "crate::".len()..];
            match rest.strip_prefix('{') {
                Some(group) => found.extend(members(group).into_iter().map(|room| (line, room))),
                None => found.push((line, word(rest))),
            }
        }
        found
    }
}

/// The first words of a group's members, up to its closing brace.
fn members(group: &str) -> Vec<String> {
    let (mut depth, mut starts, mut found) = (0, true, Vec::new());
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts = true,
            character if starts && !character.is_whitespace() => {
                found.push(word(&group[at..]));
                starts = false;
            }
            _ => {}
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

fn without_comment(line: &str) -> &str {
    // `//` in a string is that of a URL, and follows a colon.
    let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
    comment.map_or(line, |(at, _)| &line[..at])
}

/// Whether a line has `package::` or `extern crate` of it, not as the end of a longer word or path.
fn names(line: &str, package: &str) -> bool {
    line.match_indices(&format!("{package}::")).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|character| character.is_alphanumeric() || character == '_' || character == ':')
    })
}

fn room(name: &str) -> &str {
    name.split('/').next().unwrap_or(name).trim_end_matches(".rs")
}

fn allowed(name: &str) -> BTreeSet<&'static str> {
    let path = name.trim_end_matches(".rs");
    let applies = |prefix: &str| path == prefix || path.starts_with(&format!("{prefix}/"));
    let rows = MAY_NAME.iter().filter(|(prefix, _)| applies(prefix));
    rows.flat_map(|(prefix, named)| named.iter().copied().chain([room(prefix)])).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).expect("the source is readable")
}

fn sources() -> Vec<Source> {
    sources_below("src")
}

fn sources_below(folder: &str) -> Vec<Source> {
    let folder = root().join(folder);
    let name = |file: &PathBuf| file.strip_prefix(&folder).expect("below src").display().to_string();
    files(&folder).iter().map(|file| Source { name: name(file), text: read(file) }).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of the source") {
        let path = entry.expect("a folder of the source").path();
        if path.is_dir() && !path.ends_with("fuzz") {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
