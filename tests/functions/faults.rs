use serde_json::{Value, json};
use tollgate::function::User;
use tollgate::function::runtime::Runtime;

use super::host::{Setup, invocations, is_alive, is_root, nothing, request};
use crate::harness::wait_until;

/// Each event says what the function does.
const PYTHON: &str = "
import os, subprocess, sys, time
calls = 0
def handler(event, context):
    global calls
    calls += 1
    what = event.get('do')
    if what == 'hang':
        print('it hangs', os.getpid())
        time.sleep(1000)
    if what == 'fork':
        # A grandchild in a session of its own, which ignores what it can.
        child = subprocess.Popen(
            [sys.executable, '-c', 'import os, signal, subprocess, sys, time; '
             'signal.signal(signal.SIGTERM, signal.SIG_IGN); '
             'p = subprocess.Popen([sys.executable, \"-c\", \"import time; time.sleep(1000)\"], start_new_session=True); '
             'print(p.pid, flush=True)'], stdout=subprocess.PIPE, start_new_session=True, env={})
        grandchild = int(child.stdout.readline())
        child.wait()
        if event.get('hang'):
            print('grandchild', grandchild, flush=True)
            time.sleep(1000)
        return {'grandchild': grandchild, 'own': os.getpid()}
    if what == 'exit':
        print('about to exit')
        os._exit(event['code'])
    if what == 'signal':
        os.kill(os.getpid(), 11)
    if what == 'large':
        return 'x' * event['bytes']
    if what == 'memory':
        return len(bytearray(event['bytes']))
    if what == 'linger':
        # Answers, and does not ask for more.
        import http.client
        address = os.environ['AWS_LAMBDA_RUNTIME_API']
        connection = http.client.HTTPConnection(address)
        connection.request('POST', f'/2018-06-01/runtime/invocation/{context.aws_request_id}/response', str(os.getpid()))
        connection.getresponse().read()
        time.sleep(1000)
    if what == 'share':
        memory = bytearray(os.urandom(40 << 20))
        for _ in range(4):
            if os.fork() == 0:
                time.sleep(1000)
        time.sleep(event['seconds'])
        return len(memory)
    if what == 'deep':
        os.chdir(os.environ['TMPDIR'])
        for _ in range(event['levels']):
            os.mkdir('d')
            os.chdir('d')
        os._exit(1)
    if what == 'noise':
        for _ in range(event['lines']):
            print('noise ' * 20)
    return {'calls': calls, 'pid': os.getpid()}
";

#[test]
fn a_function_that_hangs_is_killed_at_its_deadline() {
    let running = Setup::new().python("pets", PYTHON, |definition| definition.timeout_s = 1).start();
    let answer = running.call("POST", &invocations("pets"), "X-Amz-Log-Type: Tail\r\n", r#"{"do": "hang"}"#);
    assert_eq!((answer.status(), answer.field("x-amz-function-error")), (200, Some("Unhandled")));
    let error: Value = serde_json::from_str(answer.text()).expect("JSON");
    let id = answer.field("x-amzn-requestid").expect("an id");
    let message = error["errorMessage"].as_str().expect("a text");
    assert!(message.ends_with(&format!("Z {id} Task timed out after 1.00 seconds")), "{message}");
    assert_eq!(error.get("errorType"), None);
    let log = running.log("pets");
    let hung: u64 = log.iter().find_map(|line| line.strip_prefix("it hangs ")?.parse().ok()).expect("it said its id");
    wait_until("the end of the process", || !is_alive(hung));
    assert!(log.iter().any(|line| line.starts_with("REPORT ") && line.ends_with("\tStatus: timeout")), "{log:?}");
    let next = running.returned("pets", &nothing());
    assert_eq!(next["calls"], 1, "another process");
}

#[test]
fn what_a_function_leaves_behind_dies_with_it() {
    let running = Setup::new()
        .python("pets", PYTHON, |definition| definition.timeout_s = 2)
        .python("brief", PYTHON, |definition| definition.idle_s = Some(1))
        .start();
    running.error("pets", &json!({ "do": "fork", "hang": true }));
    let log = running.log("pets");
    let found = log.iter().find_map(|line| line.strip_prefix("grandchild ")?.parse().ok());
    let grandchild: u64 = found.unwrap_or_else(|| panic!("{log:?}"));
    wait_until("the end of the grandchild", || !is_alive(grandchild));
    // Also of one that ends because it is idle, and of those that the host's own end ends.
    let idle = running.returned("brief", &json!({ "do": "fork" }));
    for process in ["grandchild", "own"] {
        let process = idle[process].as_u64().expect("an id");
        wait_until("the end of an idle function", || !is_alive(process));
    }
    let last = running.returned("pets", &json!({ "do": "fork" }));
    assert!(is_alive(last["grandchild"].as_u64().expect("an id")));
    let super::host::Running { host, folder } = running;
    drop(host);
    assert!(!is_alive(last["grandchild"].as_u64().expect("an id")) && !is_alive(last["own"].as_u64().expect("an id")));
    assert_eq!(std::fs::read_dir(folder.path().join("run")).expect("a folder").count(), 0, "nothing is left");
}

/// Runs as a user of its own, whom nobody else is.
#[test]
fn what_runs_away_is_caught() {
    if !is_root() {
        return;
    }
    const USER: u32 = 61_300;
    let running = Setup::new()
        .bootstrap("pets", "walk", |definition| definition.timeout_s = 1)
        .set(|settings| settings.user = User::OwnFrom(USER))
        .start();
    running.error("pets", &json!({ "do": "walk" }));
    let processes = || {
        use std::os::unix::fs::MetadataExt;
        let all = std::fs::read_dir("/proc").expect("there is a /proc").flatten();
        all.filter(|process| process.metadata().is_ok_and(|process| process.uid() == USER)).count()
    };
    wait_until("the end of all of them", || processes() == 0);
    assert_eq!(running.returned("pets", &nothing()), nothing());
}

#[test]
fn a_folder_that_is_deeper_than_a_path_is_removed() {
    let running = Setup::new().python("pets", PYTHON, |definition| definition.timeout_s = 60).start();
    running.error("pets", &json!({ "do": "deep", "levels": 14_000 }));
    assert_eq!(running.returned("pets", &nothing())["calls"], 1);
    let super::host::Running { host, folder } = running;
    drop(host);
    assert_eq!(std::fs::read_dir(folder.path().join("run")).expect("a folder").count(), 0, "nothing is left");
}

/// As when somebody replaces it: nothing else suffers, and the function comes back with its code.
#[test]
fn a_function_without_its_code() {
    let running = Setup::new().python("pets", PYTHON, |_| {}).python("other", PYTHON, |_| {}).start();
    let (code, moved) = (running.folder.path().join("pets"), running.folder.path().join("moved"));
    std::fs::rename(&code, &moved).expect("it was there");
    for _ in 0..3 {
        let error = running.error("pets", &nothing());
        assert_eq!(error["errorType"], "Runtime.InvalidEntrypoint", "{error}");
    }
    assert_eq!(running.returned("other", &nothing())["calls"], 1);
    std::fs::rename(&moved, &code).expect("it was there");
    wait_until("the function", || running.invoke("pets", &nothing()).field("x-amz-function-error").is_none());
}

#[test]
fn functions_that_die() {
    #[track_caller]
    fn check(running: &super::host::Running, event: &Value, part: &str) {
        let error = running.error("pets", event);
        assert_eq!(error["errorType"], "Runtime.ExitError", "{error}");
        let message = error["errorMessage"].as_str().expect("a text");
        assert!(message.starts_with("RequestId: ") && message.ends_with(part), "{message}");
        assert_eq!(running.returned("pets", &nothing())["calls"], 1, "another process");
    }
    let running = Setup::new().python("pets", PYTHON, |_| {}).start();
    check(&running, &json!({ "do": "exit", "code": 1 }), "Error: Runtime exited with error: exit status 1");
    check(&running, &json!({ "do": "exit", "code": 0 }), "Error: Runtime exited without providing a reason");
    check(&running, &json!({ "do": "signal" }), "Error: Runtime exited with error: signal: 11");
    assert!(running.log("pets").iter().any(|line| line == "about to exit"));
    assert_eq!(running.metrics()["tollgate_function_errors_total{function=\"pets\"}"], 3.0);
}

#[test]
fn functions_that_do_not_become_ready() {
    let command = |words: &[&str]| Runtime::Command(words.iter().map(|word| (*word).to_owned()).collect());
    let running = Setup::new()
        .bootstrap("exits", "exit at once", |_| {})
        .bootstrap("reports", "init error", |_| {})
        .bootstrap("hangs", "never ready", |_| {})
        .python("raises", "raise KeyError('at import')", |_| {})
        .python("syntax", "def handler(", |_| {})
        .function("missing", command(&["/nowhere/at/all"]), "", &[], |_| {})
        .function("empty", Runtime::Provided("provided".to_owned()), "", &[], |_| {})
        .set(|settings| settings.bounds.init_timeout = std::time::Duration::from_millis(800))
        .start();
    #[track_caller]
    fn check(running: &super::host::Running, name: &str, error_type: &str, part: &str) {
        // More often than it is tried at once: what comes during the pause is answered with the last reason.
        for _ in 0..4 {
            let error = running.error(name, &nothing());
            assert_eq!(error["errorType"], error_type, "{error}");
            assert!(error["errorMessage"].as_str().expect("a text").contains(part), "{error}");
        }
    }
    check(&running, "exits", "Runtime.ExitError", "exit status 7");
    check(&running, "reports", "Function.NoConfig", "there is no configuration");
    check(&running, "missing", "Runtime.ExitError", "exit status 126");
    check(&running, "empty", "Runtime.ExitError", "exit status 126");
    check(&running, "hangs", "Sandbox.Timedout", "Task timed out after 0.80 seconds");
    assert!(running.log("missing").iter().any(|line| line.contains("/nowhere/at/all: No such file")));
    assert!(running.load("exits", "coldStarts") == 0 && running.load("exits", "processes") == 0);
}

#[test]
fn python_that_does_not_import() {
    let running = Setup::new()
        .python("raises", "raise KeyError('at import')", |_| {})
        .python("syntax", "def handler(", |_| {})
        .python("nothing", "x = 1", |_| {})
        .start();
    assert_eq!(running.error("raises", &nothing())["errorType"], "KeyError");
    assert_eq!(running.error("syntax", &nothing())["errorType"], "Runtime.UserCodeSyntaxError");
    assert_eq!(running.error("nothing", &nothing())["errorType"], "Runtime.HandlerNotFound");
}

#[test]
fn answers_that_are_too_large() {
    let running = Setup::new().python("pets", PYTHON, |definition| definition.memory_mb = 512).start();
    let most = 6 << 20;
    assert_eq!(running.invoke("pets", &json!({ "do": "large", "bytes": most - 2 })).body.len(), most);
    for bytes in [most - 1, 50 << 20] {
        let error = running.error("pets", &json!({ "do": "large", "bytes": bytes }));
        assert_eq!(error["errorType"], "Function.ResponseSizeTooLarge");
        let message = format!("Response payload size exceeded maximum allowed payload size ({most} bytes).");
        assert_eq!(error["errorMessage"], message);
    }
}

#[test]
fn a_process_that_answers_and_goes_on_is_ended() {
    let running = Setup::new().python("pets", PYTHON, |definition| definition.timeout_s = 1).start();
    let lingers = running.returned("pets", &json!({ "do": "linger" })).as_u64().expect("an id");
    assert!(is_alive(lingers));
    assert_eq!(running.returned("pets", &nothing())["calls"], 1, "another process takes over");
    wait_until("the end of the process", || !is_alive(lingers));
}

#[test]
fn memory_is_limited() {
    let running = Setup::new().python("pets", PYTHON, |definition| definition.memory_mb = 64).start();
    assert_eq!(running.error("pets", &json!({ "do": "memory", "bytes": 600 << 20 }))["errorType"], "MemoryError");
    assert_eq!(running.returned("pets", &json!({ "do": "memory", "bytes": 1 << 20 })), 1 << 20);
}

/// Pages that a fork has in common with its parent are there once.
#[test]
fn memory_that_is_shared_counts_once() {
    let running = Setup::new()
        .python("pets", PYTHON, |definition| (definition.memory_mb, definition.timeout_s) = (128, 10))
        .start();
    assert_eq!(running.returned("pets", &json!({ "do": "share", "seconds": 2.5 })), json!(40 << 20));
}

#[test]
fn noise_is_bounded() {
    let running =
        Setup::new().python("pets", PYTHON, |_| {}).set(|settings| settings.bounds.log_bytes_max = 10_000).start();
    running.returned("pets", &json!({ "do": "noise", "lines": 20_000 }));
    let log = running.log("pets");
    assert!(log.len() < 200 && log.last().expect("a line").starts_with("REPORT "), "{}", log.len());
}

#[test]
fn calls_of_the_runtime_api_that_make_no_sense() {
    let running = Setup::new().bootstrap("pets", "forge", |_| {}).start();
    for _ in 0..3 {
        assert_eq!(running.returned("pets", &nothing()), "done");
    }
    assert_eq!(running.load("pets", "coldStarts"), 1);
}

#[test]
fn a_connection_carries_one_call_after_the_other() {
    let running = Setup::new().python("pets", PYTHON, |_| {}).start();
    let mut client = running.connect();
    for calls in 1..=5 {
        let answer = client.exchange(request("POST", &invocations("pets"), "", b"{}"));
        assert!(answer.text().contains(&format!("\"calls\": {calls}")), "{}", answer.text());
    }
}
