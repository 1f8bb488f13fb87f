//! Copies of requests for a mirror: sent beside the real ones, read to the end of their answers and forgotten. A mirror that
//! fails or is slow is nobody's concern but the counters'.

use std::rc::Rc;

use crate::http::head::Framing;
use crate::net::buffer::{Buffer, LARGE_BYTES, PAGE_BYTES};
use crate::net::deadline::Expiry;
use crate::net::runtime::spawn;
use crate::stats::Counter;

use super::super::body::{Incoming, Outgoing};
use super::super::shard::Shard;
use super::super::upstream::{self, Upstream};
use super::http::parse;

/// A request for the mirror, as much as is known of it.
pub struct Copied {
    pub upstream: Rc<Upstream>,
    pub request: Vec<u8>,
    pub timeout_ms: u64,
    pub to_head_request: bool,
    /// Of the body, may still come.
    pub bytes_left: usize,
}

impl Copied {
    /// Keeps a piece of the body that is on its way to the origin. With one piece too many there is no copy.
    pub fn keep(copied: &mut Option<Box<Copied>>, piece: &[u8], shard: &Shard) {
        let Some(copy) = copied else { return };
        if copy.bytes_left < piece.len() {
            shard.recorder.count(Counter::MirrorsDropped);
            *copied = None;
            return;
        }
        copy.bytes_left -= piece.len();
        copy.request.extend_from_slice(piece);
    }

    /// Sends it, with all of its body, as a task of its own.
    pub fn send(self, shard: &Rc<Shard>) {
        if shard.mirrors.get() >= shard.settings.upstream.mirrors_max {
            return shard.recorder.count(Counter::MirrorsDropped);
        }
        shard.mirrors.set(shard.mirrors.get() + 1);
        let place = Place(Rc::clone(shard));
        let panics = shard.recorder.clone();
        let task = async move {
            let answered = exchange(self, &place.0).await;
            place.0.recorder.count(if answered.is_some() { Counter::MirrorsSent } else { Counter::MirrorsFailed });
        };
        spawn(task, move || panics.count(Counter::Panics));
    }
}

/// One of [`Shard::mirrors`], given back however the copy ends.
struct Place(Rc<Shard>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.mirrors.set(self.0.mirrors.get() - 1);
    }
}

/// `None` without an answer to its end.
async fn exchange(copied: Copied, shard: &Shard) -> Option<()> {
    let Copied { upstream, request, timeout_ms, to_head_request, .. } = copied;
    let mut to_mirror = match upstream.checkout(shard) {
        Some(pooled) => pooled,
        None => upstream.connect(shard, timeout_ms).await.ok()?,
    };
    // All of it has this time: nobody waits for the answer.
    shard.wheel.arm(&to_mirror.timer, timeout_ms, Expiry::End);
    to_mirror.stream.writer.write_all(request, || {}).await.0.ok()?;
    let (framing, keep_alive, buffer) = read_head(&mut to_mirror, to_head_request, shard).await?;
    let in_step = read_body(&mut to_mirror, framing, buffer).await?;
    if keep_alive && in_step {
        upstream.check_in(to_mirror, framing == Framing::None, shard);
    }
    Some(())
}

/// Of the final answer; with what came behind it.
async fn read_head(
    to_mirror: &mut upstream::Connection,
    to_head_request: bool,
    shard: &Shard,
) -> Option<(Framing, bool, Buffer)> {
    let mut buffer = Buffer::page();
    loop {
        let read =
            |head: &crate::http::head::ResponseHead<'_, '_>| (head.status, head.bytes, head.framing, head.keep_alive);
        match parse(buffer.as_slice(), to_head_request, read).ok()? {
            Some((100..=199, bytes, _, _)) => {
                buffer.consume(bytes);
                continue;
            }
            Some((_, bytes, framing, keep_alive)) => {
                buffer.consume(bytes);
                return Some((framing, keep_alive, buffer));
            }
            None => {}
        }
        if buffer.spare() == 0 {
            let bytes_max = shard.settings.upstream.response_head_bytes_max;
            if buffer.len() >= bytes_max {
                return None;
            }
            buffer.make_room((buffer.capacity() * 2).clamp(PAGE_BYTES, bytes_max.max(PAGE_BYTES) + PAGE_BYTES));
        }
        let (received, returned) = to_mirror.stream.reader.read(buffer, None).await;
        buffer = returned;
        received.ok().filter(|received| *received > 0)?;
    }
}

/// Whether the connection is in step afterwards.
async fn read_body(to_mirror: &mut upstream::Connection, framing: Framing, mut buffer: Buffer) -> Option<bool> {
    let mut body = Incoming::new(framing, Outgoing::Discard, u64::MAX);
    let mut nothing = Vec::new();
    loop {
        body.take(&mut buffer, &mut nothing).ok()?;
        if body.is_done() {
            return Some(buffer.is_empty());
        }
        if buffer.spare() == 0 {
            buffer.make_room(LARGE_BYTES);
        }
        let (received, returned) = to_mirror.stream.reader.read(buffer, None).await;
        buffer = returned;
        match received {
            Ok(received) if received > 0 => {}
            Ok(_) if body.close(&mut nothing) => return Some(false),
            _ => return None,
        }
    }
}
