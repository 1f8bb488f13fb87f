use std::os::fd::AsRawFd;

use serde_json::{Value, json};
use tollgate::function::User;

use super::host::{Setup, is_root, nothing};

#[track_caller]
fn lines(value: &Value) -> Vec<String> {
    value.as_array().expect("lines").iter().map(|line| line.as_str().expect("a line").to_owned()).collect()
}

#[test]
fn the_environment_has_nothing_of_the_hosts() {
    let running = Setup::new()
        .bootstrap("pets", "environment", |definition| {
            definition.environment.insert("TABLE".to_owned(), "pets".to_owned());
        })
        .start();
    let environment = running.returned("pets", &nothing());
    let mut names: Vec<&String> = environment.as_object().expect("variables").keys().collect();
    names.sort();
    assert_eq!(
        names,
        [
            "AWS_DEFAULT_REGION",
            "AWS_EXECUTION_ENV",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            "AWS_LAMBDA_FUNCTION_NAME",
            "AWS_LAMBDA_FUNCTION_VERSION",
            "AWS_LAMBDA_INITIALIZATION_TYPE",
            "AWS_LAMBDA_LOG_GROUP_NAME",
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "AWS_LAMBDA_RUNTIME_API",
            "AWS_REGION",
            "HOME",
            "LAMBDA_TASK_ROOT",
            "LANG",
            "MODE",
            "PATH",
            "TABLE",
            "TMPDIR",
            "TZ",
            "_HANDLER",
        ]
    );
    assert_eq!(environment["AWS_LAMBDA_LOG_GROUP_NAME"], "/aws/lambda/pets");
    assert_eq!(environment["TABLE"], "pets");
}

/// What a function's variables say to the dynamic linker is not said to the program that starts it.
#[test]
fn the_environment_is_the_functions_alone() {
    let running = Setup::new()
        .bootstrap("pets", "environment", |definition| {
            definition.environment.insert("LD_PRELOAD".to_owned(), "./nothing.so".to_owned());
        })
        .start();
    assert_eq!(running.returned("pets", &nothing())["LD_PRELOAD"], "./nothing.so");
    let log = running.log("pets");
    let complaints = log.iter().filter(|line| line.contains("nothing.so")).count();
    assert_eq!(complaints, 1, "{log:?}");
}

#[test]
#[allow(unsafe_code)]
fn descriptors_are_not_inherited() {
    // One that forgot to say that it ends at an exec, as C libraries do.
    let file = tempfile::tempfile().expect("a file");
    // SAFETY: a system call on a descriptor that is ours.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, 0) }, 0);
    let running = Setup::new().bootstrap("pets", "descriptors", |_| {}).start();
    assert_eq!(running.returned("pets", &nothing()), json!([]));
}

#[test]
fn limits_and_a_session_of_its_own() {
    let running = Setup::new().bootstrap("pets", "who", |definition| definition.memory_mb = 100).start();
    let shown = lines(&running.returned("pets", &nothing()));
    let line = |start: &str| shown.iter().find(|line| line.starts_with(start)).expect("it is there").clone();
    let limit =
        |start: &str| line(start).trim_start_matches(start).split_whitespace().next().expect("a limit").to_owned();
    assert_eq!(limit("Max data size"), ((100 + 192) << 20).to_string());
    assert_eq!(limit("Max core file size"), "0");
    assert_eq!(limit("Max open files"), "1024");
    assert_eq!(line("NoNewPrivs:"), "NoNewPrivs: 1");
}

#[test]
fn each_process_is_a_user_of_its_own() {
    if !is_root() {
        return;
    }
    let running = Setup::new()
        .bootstrap("one", "who", |_| {})
        .bootstrap("other", "who", |_| {})
        .set(|settings| settings.user = User::OwnFrom(61_184))
        .start();
    let ids = |name| {
        let shown = lines(&running.returned(name, &nothing()));
        let line = |start: &str| shown.iter().find(|line| line.starts_with(start)).expect("it is there").clone();
        assert_eq!(line("Groups:").trim_end(), "Groups:");
        assert_eq!(line("CapEff:"), "CapEff: 0000000000000000");
        (line("Uid:"), line("Gid:"))
    };
    assert_eq!(ids("one"), ("Uid: 61184 61184 61184 61184".to_owned(), "Gid: 61184 61184 61184 61184".to_owned()));
    assert_eq!(ids("other").0, "Uid: 61185 61185 61185 61185");
}

#[test]
fn one_user_for_all() {
    if !is_root() {
        return;
    }
    let user = User::parse("nobody", 0).expect("there is one");
    let User::Shared(id, _) = user else { panic!("{user:?}") };
    let running = Setup::new().bootstrap("pets", "who", |_| {}).set(|settings| settings.user = user).start();
    let shown = lines(&running.returned("pets", &nothing()));
    assert!(shown.contains(&format!("Uid: {id} {id} {id} {id}")), "{shown:?}");
}

/// Takes another function's events, if it can.
const THIEF: &str = "
import http.client, os
def handler(event, context):
    if 'steal' not in event:
        return os.environ['AWS_LAMBDA_RUNTIME_API']
    try:
        connection = http.client.HTTPConnection(event['steal'], timeout=5)
        connection.request('GET', '/2018-06-01/runtime/invocation/next')
        return {'stolen': connection.getresponse().status}
    except OSError as error:
        return {'refused': type(error).__name__}
    except http.client.HTTPException as error:
        return {'refused': type(error).__name__}
";

#[test]
fn one_function_cannot_be_another() {
    let running = Setup::new().python("pets", THIEF, |_| {}).python("thief", THIEF, |_| {}).start();
    let address = running.returned("pets", &nothing());
    let outcome = running.returned("thief", &json!({ "steal": address }));
    assert!(outcome.get("refused").is_some(), "{outcome}");
    assert_eq!(running.returned("pets", &nothing()), address);
    assert_eq!(running.load("pets", "coldStarts"), 1);
}
