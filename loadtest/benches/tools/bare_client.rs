//! The least that a client can add to an open loop's latency: it spins on its sockets and does nothing else.
//!
//! `bare_client ADDR RATE SECONDS CONNECTIONS` prints p50, p99 and p99.9 from the intended start, ns, as JSON. It knows
//! nothing of HTTP: whatever arrives after a request is its answer, which holds for answers of one small piece.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, rate, seconds, connections] = &arguments[..] else {
        println!("usage: bare_client ADDR RATE SECONDS CONNECTIONS    (started by loadtest/benches/tools/run)");
        return Ok(());
    };
    let (rate, seconds): (f64, f64) = (rate.parse()?, seconds.parse()?);
    let mut free = (0..connections.parse()?).map(|_| connect(address)).collect::<io::Result<VecDeque<_>>>()?;
    let mut waiting: VecDeque<(TcpStream, Instant)> = VecDeque::new();
    let mut latencies = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3)?;
    let mut due = (0..(rate * seconds) as u64).map(|number| Duration::from_secs_f64(number as f64 / rate)).peekable();
    let started = Instant::now();
    while due.peek().is_some() || !waiting.is_empty() {
        if let Some(&offset) = due.peek()
            && started.elapsed() >= offset
            && let Some(mut stream) = free.pop_front()
        {
            due.next();
            stream.write_all(REQUEST)?;
            waiting.push_back((stream, started + offset));
        }
        // Answers come in the order of the requests, more or less.
        if let Some((mut stream, intended)) = waiting.pop_front() {
            match stream.read(&mut [0; 4096]) {
                Ok(0) => return Err("the server closed a connection".into()),
                Ok(_) => {
                    latencies.saturating_record(intended.elapsed().as_nanos() as u64);
                    free.push_back(stream);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => waiting.push_front((stream, intended)),
                Err(error) => return Err(error.into()),
            }
        }
    }
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| latencies.value_at_quantile(quantile));
    println!("{{\"p50\":{p50},\"p99\":{p99},\"p999\":{p999}}}");
    Ok(())
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}
