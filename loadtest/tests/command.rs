//! The binary itself: exit codes, files, signals.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use loadtest::report::{Report, json};

use crate::server::{Reply, Server};

fn loadtest(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The exit code, the standard output, the standard error.
#[track_caller]
fn outcome(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().expect("it exits by itself"), text(output.stdout), text(output.stderr))
}

#[track_caller]
fn run(arguments: &[&str]) -> (i32, String, String) {
    outcome(loadtest(arguments).output().unwrap())
}

#[track_caller]
fn read(path: &Path) -> Report {
    json::read(&std::fs::read(path).unwrap(), "report").unwrap()
}

#[track_caller]
fn signal(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

fn wait_for(happened: impl Fn() -> bool) {
    while !happened() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

const SHORT: [&str; 6] = ["-n", "100", "-c", "2", "--warm-up", "0"];

#[test]
fn a_summary_and_thresholds() {
    let server = Server::ok();
    let url = server.url();
    let (code, out, err) = run(&[&[url.as_str()], &SHORT[..]].concat());
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("100 sent · 100 answered · 0 in flight") && out.contains("200 × 100"), "{out}");
    assert!(!out.contains('\u{1b}'), "no colour where it is no terminal: {out}");

    let (code, out, _) = run(&[&[url.as_str(), "--expect", "error_rate<1%,sent>=100"], &SHORT[..]].concat());
    assert_eq!(code, 0, "{out}");
    let (code, out, _) = run(&[&[url.as_str(), "--quiet", "--expect", "p50<1ns"], &SHORT[..]].concat());
    assert_eq!(code, 1);
    assert!(out.starts_with("not met p50<1ns"), "{out}");
}

#[test]
fn what_is_wrong_is_said() {
    let server = Server::start(|_| Reply::Last(Vec::new()));
    let url = server.url();
    for (arguments, expected, message) in [
        (&["http://127.0.0.1:1/"][..], 3, "connection_refused"),
        (&["http://no-such.invalid/"], 2, "cannot resolve no-such.invalid"),
        (&["nonsense"], 2, "is not a URL"),
        (&[url.as_str(), "--rate", "fast"], 2, "is not a rate"),
        (&[url.as_str(), "--json", "/no/such/folder/a.json"], 2, "/no/such/folder/a.json cannot be written"),
        (&[url.as_str(), "--json", "a", "--csv", "a"], 2, "two reports cannot go to one file"),
        (&[url.as_str(), "--depth", "1M"], 2, "--depth 1000000 is more than"),
        (&[url.as_str(), "--requests", "/no/such"], 2, "cannot read /no/such"),
        (&["compare", "/no/such", "/nor/this"], 2, "/no/such cannot be read"),
    ] {
        let (code, out, err) = run(arguments);
        assert_eq!((code, out.as_str()), (expected, ""), "{arguments:?}: {err}");
        assert!(err.starts_with("error: ") && err.contains(message), "{arguments:?}: {err}");
    }
    assert_eq!(server.requests(), 0, "a run that cannot be recorded is not begun");
    let (code, out, _) = run(&[&[url.as_str()], &SHORT[..]].concat());
    assert_eq!(code, 3, "nothing was answered: {out}");
    assert!(out.contains("closed_early"), "{out}");
}

#[test]
fn files_and_their_comparison() {
    let server = Server::ok();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let url = server.url();
    let files = ["json", "html", "csv", "hgrm", "hlog"].map(|kind| format!("--{kind}={}", path(&format!("a.{kind}"))));
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let (code, out, err) = run(&[&[url.as_str(), "--quiet"], &SHORT[..], &files].concat());
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
    assert_eq!(read(Path::new(&path("a.json"))).total.answered, 100);
    for (name, begins) in [("a.csv", "start_seconds,"), ("a.hgrm", "       Value"), ("a.hlog", "#[loadtest")] {
        assert!(std::fs::read_to_string(path(name)).unwrap().starts_with(begins), "{name}");
    }

    let (code, out, err) = run(&[&[url.as_str(), "--json", "-"], &SHORT[..]].concat());
    assert_eq!(code, 0);
    assert_eq!(json::read(out.as_bytes(), "stdout").unwrap().total.sent, 100);
    assert!(err.contains("100 answered"), "the summary goes to the standard error: {err}");
    std::fs::write(path("b.json"), out).unwrap();

    let (code, out, err) = run(&["compare", &path("a.json"), &path("b.json"), "--html", &path("both.html")]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("p99.9") && out.contains("to A"), "{out}");
    for page in ["a.html", "both.html"] {
        needs_nothing_else(&std::fs::read_to_string(path(page)).unwrap());
    }
}

/// No address that a browser would fetch: URLs stand in text only.
#[track_caller]
fn needs_nothing_else(page: &str) {
    assert!(page.starts_with("<!doctype html>") || page.starts_with("<!DOCTYPE html>"), "{}", &page[..50]);
    for fetched in [" src=", "@import", "url(", "<link", "<iframe", "<object", "<embed", "href=\"http", "fetch("] {
        assert!(!page.contains(fetched), "the page has {fetched}");
    }
}

#[test]
fn one_file_that_fails_does_not_cost_the_rest() {
    let server = Server::ok();
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("a.csv").to_str().unwrap().to_owned();
    let (code, out, err) = run(&[&[&server.url(), "--json", "/dev/full", "--csv", &csv], &SHORT[..]].concat());
    assert_eq!(code, 2);
    assert!(err.contains("/dev/full cannot be written: No space left"), "{err}");
    assert!(out.contains("100 answered"), "{out}");
    assert!(std::fs::read_to_string(csv).unwrap().lines().count() > 1);
}

#[test]
fn nobody_reads_what_is_said() {
    let server = Server::ok();
    for (stdout, expected) in [("/dev/null", 0), ("/dev/full", 2)] {
        let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = loadtest(&[&[server.url().as_str()], &SHORT[..]].concat());
        command.stdout(std::fs::OpenOptions::new().write(true).open(stdout).unwrap()).stderr(full());
        assert_eq!(outcome(command.output().unwrap()).0, expected, "{stdout}");
    }
    // A reader that has gone, such as head.
    let mut child = loadtest(&[&[server.url().as_str(), "--json", "-"], &SHORT[..]].concat()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(outcome(child.wait_with_output().unwrap()).0, 0);
}

#[test]
fn ctrl_c_ends_the_run_with_its_report() {
    let server = Server::ok();
    let child = loadtest(&[&server.url(), "-z", "1h", "--warm-up", "0"]).spawn().unwrap();
    wait_for(|| server.requests() > 100);
    // Twice at once, as timeout(1) does, is once.
    signal(&child, "-INT");
    signal(&child, "-INT");
    let (code, out, err) = outcome(child.wait_with_output().unwrap());
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("the run was interrupted"), "{out}");
}

#[test]
fn a_second_ctrl_c_ends_the_process() {
    // A report goes to a pipe that is full and that nobody reads: the process waits there after the first signal.
    let server = Server::ok();
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut full =
        std::fs::OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(&pipe).unwrap();
    while full.write(&[0; 1024]).is_ok() {}
    let pipe = pipe.to_str().unwrap();
    let mut child = loadtest(&[&server.url(), "-z", "1h", "--warm-up", "0", "--html", pipe]).spawn().unwrap();
    wait_for(|| server.requests() > 100);
    let code = loop {
        signal(&child, "-INT");
        std::thread::sleep(std::time::Duration::from_millis(100));
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
    };
    assert_eq!(code, Some(130));
}

#[test]
fn reports_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json").to_str().unwrap().to_owned();
    std::fs::write(&path, "{\"schema\": 1}").unwrap();
    let (code, _, err) = run(&["compare", &path, &path]);
    assert_eq!(code, 2);
    assert!(err.starts_with(&format!("error: {path}:1:")), "{err}");
}
