//! A Lambda function that is a program of its own, with nothing but the standard library: what a `provided` runtime needs at
//! the least. Its variable MODE says what it does; it is compiled by the tests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

unsafe extern "C" {
    fn fork() -> i32;
    fn setsid() -> i32;
    fn _exit(code: i32) -> !;
}

/// Each process is gone before it is found, and has left another, in a session of its own.
fn walk() -> ! {
    for _ in 0..3 {
        // SAFETY: this program has one thread, and the children make system calls only.
        unsafe {
            if fork() == 0 {
                loop {
                    match fork() {
                        0 => _ = setsid(),
                        -1 => {}
                        _ => _exit(0),
                    }
                }
            }
        }
    }
    loop {
        std::thread::sleep(std::time::Duration::from_secs(60));
    }
}

fn main() {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").expect("we are a function");
    let mode = std::env::var("MODE").unwrap_or_default();
    match mode.as_str() {
        "exit at once" => std::process::exit(7),
        "never ready" => loop {
            std::thread::sleep(std::time::Duration::from_secs(60));
        },
        "init error" => {
            let error = r#"{"errorType":"Function.NoConfig","errorMessage":"there is no configuration"}"#;
            call(&address, "POST", "init/error", error);
            std::process::exit(1);
        }
        _ => {}
    }
    loop {
        let (headers, event) = call(&address, "GET", "invocation/next", "");
        let id = header(&headers, "lambda-runtime-aws-request-id");
        let answer = match mode.as_str() {
            "headers" => {
                let shown: Vec<String> = headers.iter().map(|line| format!("{line:?}")).collect();
                format!("[{}]", shown.join(","))
            }
            "environment" => {
                let shown: Vec<String> = std::env::vars().map(|(name, value)| format!("{name:?}:{value:?}")).collect();
                format!("{{{}}}", shown.join(","))
            }
            "descriptors" => descriptors(),
            "who" => who(),
            "walk" if event.contains("walk") => walk(),
            "forge" => {
                forge(&address, &event);
                "\"done\"".to_owned()
            }
            _ => event,
        };
        call(&address, "POST", &format!("invocation/{id}/response"), &answer);
    }
}

fn header(headers: &[String], name: &str) -> String {
    let found = headers.iter().find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then(|| value.to_owned())
    });
    found.unwrap_or_default()
}

fn call(address: &str, method: &str, path: &str, body: &str) -> (Vec<String>, String) {
    let mut stream = TcpStream::connect(address).expect("the host is there");
    let length = body.len();
    let head = format!("{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: host\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).expect("the host reads");
    let mut reader = BufReader::new(stream);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("the host answers");
        match line.trim_end() {
            "" => break,
            line => headers.push(line.to_owned()),
        }
    }
    let length: usize = header(&headers, "content-length").parse().unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the host answers");
    (headers, String::from_utf8(body).expect("text"))
}

/// What is open besides the standard three and what looking at it opens.
fn descriptors() -> String {
    let entries = std::fs::read_dir("/proc/self/fd").expect("it is there");
    let shown = entries.flatten().filter_map(|entry| {
        let number: u32 = entry.file_name().to_str()?.parse().ok()?;
        let link = std::fs::read_link(entry.path()).ok()?;
        (number > 2 && !link.ends_with("fd")).then(|| format!("{:?}", link.display().to_string()))
    });
    format!("[{}]", shown.collect::<Vec<_>>().join(","))
}

/// Who we are, by the system.
fn who() -> String {
    let status = std::fs::read_to_string("/proc/self/status").expect("it is there");
    let limits = std::fs::read_to_string("/proc/self/limits").expect("it is there");
    let shown = status.lines().chain(limits.lines()).map(|line| format!("{:?}", line.replace('\t', " ")));
    format!("[{}]", shown.collect::<Vec<_>>().join(","))
}

/// Calls that nobody should make: garbage, answers to nobody's invocation.
fn forge(address: &str, _event: &str) {
    let mut stream = TcpStream::connect(address).expect("the host is there");
    let _ = stream.write_all(b"\0\xff garbage\r\n\r\n\r\n");
    let _ = stream.read(&mut [0; 100]);
    for path in ["invocation/nobody/response", "invocation/../next", "nothing", "init/error", "invocation/nobody/error"] {
        call(address, "POST", path, "\"forged\"");
    }
}
