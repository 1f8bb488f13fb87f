//! Whatever a server does is told by its kind; nothing hangs.

use std::io::Write;
use std::net::TcpListener;

use loadtest::run::RunError;

use crate::server::{OK, Reply, Server};
use crate::{on_both_drivers, run, try_run};

/// Ten requests to a server that answers so; the failures by kind.
fn failures(driver: &str, answer: impl Fn() -> Reply + Send + Sync + 'static, more: &[&str]) -> Vec<(String, u64)> {
    let server = Server::start(move |_| answer());
    let url = server.url();
    let report = run(&[&[&url, "--driver", driver, "-n", "10", "-c", "2", "--timeout", "300ms"], more].concat());
    assert_eq!(report.total.sent, 10);
    report.total.failures.iter().map(|(failure, count)| (failure.name().to_owned(), *count)).collect()
}

#[test]
fn kinds() {
    let check = |answer: fn() -> Reply, expected: &str| {
        on_both_drivers(|driver| {
            assert_eq!(failures(driver, answer, &[]), [(expected.to_owned(), 10)], "{driver}");
        });
    };
    check(|| Reply::Reset, "reset");
    check(|| Reply::Nothing, "timeout");
    check(|| Reply::Last(Vec::new()), "closed_early");
    check(|| Reply::Last(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_vec()), "closed_early");
    check(|| Reply::Bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n".to_vec()), "malformed");
    check(|| Reply::Bytes(b"220 mail.example.org ESMTP\r\n".to_vec()), "malformed");
    check(
        || Reply::Bytes(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1 << 20)).into_bytes()),
        "head_too_large",
    );
    check(|| Reply::Bytes(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n".to_vec()), "status");
}

#[test]
fn wrong_bodies() {
    on_both_drivers(|driver| {
        let kinds = failures(driver, || Reply::Bytes(OK.to_vec()), &["--expect-body", "ko"]);
        assert_eq!(kinds, [("body".to_owned(), 10)]);
        assert_eq!(failures(driver, || Reply::Bytes(OK.to_vec()), &["--expect-body", "ok"]), []);
    });
}

#[test]
fn an_answer_may_end_with_its_connection() {
    on_both_drivers(|driver| {
        assert_eq!(
            failures(driver, || Reply::Last(b"HTTP/1.1 200 OK\r\n\r\nall".to_vec()), &["--expect-body", "all"]),
            []
        );
    });
}

#[test]
fn a_port_where_nobody_listens() {
    on_both_drivers(|driver| {
        // Bound but not listening: nobody else gets it meanwhile.
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let error = try_run(&[&format!("http://{address}/"), "--driver", driver, "-n", "10"]).unwrap_err();
        let RunError::Unreachable(message) = error else { panic!("{error:?}") };
        assert!(message.contains("connection_refused") && message.contains(&address.to_string()), "{message}");
    });
}

#[test]
fn a_server_that_goes_away_in_the_middle() {
    on_both_drivers(|driver| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // Not accepted any more, so that the second attempt is refused.
            drop(listener);
            let mut buffer = [0; 1024];
            let _ = std::io::Read::read(&mut stream, &mut buffer);
            stream.write_all(OK).unwrap();
        });
        let report = run(&[&url, "--driver", driver, "--duration", "300ms", "-c", "1"]);
        assert_eq!(report.total.answered, 1);
        let refused =
            report.total.failures.iter().any(|(failure, count)| failure.name() == "connection_refused" && *count > 0);
        assert!(refused, "{:?}", report.total.failures);
        assert!(report.total.error_rate > 0.0);
    });
}

#[test]
fn large_answers_are_counted_not_kept() {
    on_both_drivers(|driver| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        const GIB: u64 = 1 << 30;
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = std::io::Read::read(&mut stream, &mut [0; 1024]);
            stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {GIB}\r\n\r\n").as_bytes()).unwrap();
            let piece = vec![b'x'; 1 << 20];
            for _ in 0..1024 {
                stream.write_all(&piece).unwrap();
            }
        });
        let report = run(&[&url, "--driver", driver, "-n", "1", "-c", "1", "--duration", "60s", "--timeout", "60s"]);
        assert_eq!(report.total.answered, 1);
        assert!(report.total.bytes_received > GIB);
        assert!(report.tool.rss_max_bytes < 256 << 20, "{} bytes resident", report.tool.rss_max_bytes);
    });
}

#[test]
fn tls_to_a_server_that_speaks_none() {
    on_both_drivers(|driver| {
        let server = Server::start(|_| Reply::Last(OK.to_vec()));
        let url = format!("https://{}/", server.address);
        let error = try_run(&[&url, "--driver", driver, "--insecure", "-n", "1", "--timeout", "500ms"]).unwrap_err();
        assert!(
            matches!(&error, RunError::Unreachable(message) if message.contains("tls") || message.contains("timeout")),
            "{error:?}"
        );
    });
}
