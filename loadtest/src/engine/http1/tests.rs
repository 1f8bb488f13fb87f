use super::*;

const GET: Asked = Asked { head: false, wants_body: true };

/// Feeds `wire` in pieces of `size` bytes; what came of it as text.
fn read(wire: &str, size: usize, asked: Asked) -> String {
    read_pieces(wire.as_bytes().chunks(size), asked)
}

fn read_pieces<'a>(pieces: impl Iterator<Item = &'a [u8]>, asked: Asked) -> String {
    let mut answers = Answers::new(1024, 64);
    let mut seen = Vec::new();
    for piece in pieces {
        let mut rest = piece;
        while !rest.is_empty() {
            match answers.receive(rest, asked) {
                Ok((taken, Some(answer))) => {
                    rest = &rest[taken..];
                    seen.push(describe(answer, answers.body()));
                }
                Ok((taken, None)) => {
                    assert_eq!(taken, rest.len(), "without an answer all bytes are taken");
                    rest = &[];
                }
                Err(failure) => {
                    seen.push(failure.name().to_owned());
                    return seen.join(", ");
                }
            }
        }
    }
    match answers.end() {
        Ok(answer) => seen.push(format!("{} by close", describe(answer, answers.body()))),
        Err(failure) if answers.state != State::Head || !answers.head.is_empty() => {
            seen.push(failure.name().to_owned());
        }
        Err(_) => {}
    }
    seen.join(", ")
}

fn describe(answer: Answer, body: &[u8]) -> String {
    let close = if answer.close { " close" } else { "" };
    format!("{} {:?}{close}", answer.status, String::from_utf8_lossy(body))
}

#[track_caller]
fn check_asked(wire: &str, asked: Asked, expected: &str) {
    for size in [1, 2, 3, 7, wire.len().max(1)] {
        assert_eq!(read(wire, size, asked), expected, "in pieces of {size}: {wire:?}");
    }
}

#[track_caller]
fn check(wire: &str, expected: &str) {
    check_asked(wire, GET, expected);
}

#[test]
fn bodies_end_where_their_framing_says() {
    check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 \"hello\"");
    check("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 \"\"");
    check("HTTP/1.1 200 OK\r\n\r\nall of it", "200 \"all of it\" close by close");
    check("HTTP/1.1 204 No Content\r\n\r\n", "204 \"\"");
    check("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "304 \"\"");
    check(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nB; a=\"b\"\r\n, world of \r\n0\r\nX: y\r\n\r\n",
        "200 \"hello, world of \"",
    );
    check(
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        "200 \"a\"",
    );
    check_asked("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Asked { head: true, wants_body: false }, "200 \"\"");
}

#[test]
fn answers_follow_each_other() {
    let one = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    check(&one.repeat(3), "200 \"ok\", 200 \"ok\", 200 \"ok\"");
    check(&format!("HTTP/1.1 100 Continue\r\n\r\n{one}"), "200 \"ok\"");
    check(&format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{one}"), "200 \"ok\"");
}

#[test]
fn the_connection_header_and_the_version_say_whether_it_stays_open() {
    check("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "200 \"\" close");
    check("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "200 \"\" close");
    check("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", "200 \"\"");
}

#[test]
fn broken_answers_are_malformed() {
    for wire in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 999 Odd\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\nab\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1111111111111111\r\n",
    ] {
        check(wire, "malformed");
    }
}

#[test]
fn half_answers_are_closed_early() {
    for wire in [
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ] {
        check(wire, "closed_early");
    }
}

#[test]
fn heads_and_kept_bodies_are_bounded() {
    let long = "a".repeat(1000);
    check(&format!("HTTP/1.1 200 OK\r\nX: {long}\r\nContent-Length: 0\r\n\r\n"), "head_too_large");
    check(&format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(3000)), "head_too_large");
    let body = "b".repeat(100);
    check(&format!("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{body}"), &format!("200 {:?}", "b".repeat(64)));
    let fits = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: {}\r\n\r\n", "a".repeat(1024 - 43));
    assert_eq!(fits.len(), 1024);
    check(&fits, "200 \"\"");
    check(&fits.replacen("X: ", "X: a", 1), "head_too_large");
}

#[test]
fn endless_lines_in_chunked_bodies_are_malformed() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(read(&format!("{head}1;{}", "x".repeat(70_000)), 4096, GET), "malformed");
    assert_eq!(read(&format!("{head}0\r\n{}", "a: b\r\n".repeat(20_000)), 4096, GET), "malformed");
}

/// Whatever comes: no panic, nothing kept beyond the bounds, and the same outcome however the bytes were cut.
#[test]
fn any_bytes_in_any_pieces() {
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..20_000 {
        let wire = any_wire(&mut random);
        let asked = Asked { head: random.u8(..8) == 0, wants_body: random.bool() };
        let whole = read_pieces(std::iter::once(&wire[..]), asked);
        for _ in 0..4 {
            let cut = read_pieces(any_pieces(&wire, &mut random).into_iter(), asked);
            assert_eq!(cut, whole, "{:?}", String::from_utf8_lossy(&wire));
        }
    }
}

/// A few answers, some of them with bytes changed, doubled, left out or cut off.
fn any_wire(random: &mut fastrand::Rng) -> Vec<u8> {
    const PARTS: &[&str] = &[
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
        "HTTP/1.0 404 Not Found\r\nConnection: keep-alive\r\ncontent-length: 2\r\n\r\nno",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\nT: u\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nuntil the end",
        "HTTP/1.1 302 Found\nLocation: /\nContent-Length: 1\n\nx",
        "HTTP/1.1 200 \r\nX: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "\r\n",
    ];
    let mut wire = Vec::new();
    for _ in 0..random.usize(1..5) {
        wire.extend_from_slice(PARTS[random.usize(..PARTS.len())].as_bytes());
    }
    // Half of them stay as they are.
    for _ in 0..random.usize(..8).saturating_sub(4) {
        let at = random.usize(..wire.len());
        match random.u8(..5) {
            0 => wire[at] = random.u8(..),
            1 => wire[at] = b"\r\n:;, 0aF"[random.usize(..9)],
            2 => wire.insert(at, wire[at]),
            3 => drop(wire.drain(at..wire.len().min(at + 3))),
            _ => wire.truncate(at),
        }
        if wire.is_empty() {
            break;
        }
    }
    wire
}

fn any_pieces<'a>(mut wire: &'a [u8], random: &mut fastrand::Rng) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    while !wire.is_empty() {
        let (piece, rest) = wire.split_at(random.usize(1..=wire.len().min(40)));
        pieces.push(piece);
        wire = rest;
    }
    pieces
}
