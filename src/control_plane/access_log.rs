//! The thread that writes the access log: shards hand over batches of JSON lines and never wait for a disk.
//!
//! ```text
//! shard ──try_send──▶ bounded queue ──▶ writer thread ──▶ stdout or file
//!   ◀────────── empty buffers, to be filled again ──────────┘
//! ```
//! A full queue, a full disk or a closed pipe costs records, which are counted; it never costs a request.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::stats::{Counter, Registry};

/// Complaints about the same trouble are this far apart in the program's own log.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(60);

/// Empty buffers on their way back to one shard; what exceeds it is freed.
const SPARES_MAX: usize = 4;

/// Batches in the queue, whatever their size.
const BATCHES_MAX: usize = 1024;

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogTarget {
    Stdout,
    /// Appended to; created with mode 0640.
    File(PathBuf),
}

/// The control side's handle.
pub struct AccessLog {
    queue: SyncSender<Message>,
    waiting: Arc<Waiting>,
    reopen: Arc<AtomicBool>,
    ended: Receiver<()>,
    writer: JoinHandle<()>,
}

/// A shard's end of the queue.
pub struct AccessLogSender {
    queue: SyncSender<Message>,
    waiting: Arc<Waiting>,
    spares: Receiver<Vec<u8>>,
    give_back: SyncSender<Vec<u8>>,
}

/// Bytes in the queue; shards touch it once a batch.
struct Waiting {
    bytes: AtomicUsize,
    bytes_max: usize,
}

enum Message {
    Batch {
        lines: Vec<u8>,
        give_back: SyncSender<Vec<u8>>,
    },
    /// Look at the flags.
    Wake,
    End,
}

impl AccessLog {
    /// Opens the target and starts the writer. `bytes_max` bounds what waits to be written, from all shards together.
    ///
    /// # Errors
    /// The file cannot be opened, or the thread not be started.
    pub fn start(target: AccessLogTarget, bytes_max: usize, registry: Arc<Registry>) -> Result<AccessLog, String> {
        let file = open(&target).map_err(|error| format!("access log {}: {error}", target.name()))?;
        let (queue, incoming) = sync_channel(BATCHES_MAX);
        let (end_sender, ended) = sync_channel(1);
        let reopen = Arc::new(AtomicBool::new(false));
        let waiting = Arc::new(Waiting { bytes: AtomicUsize::new(0), bytes_max });
        let (reopen_seen, taken) = (Arc::clone(&reopen), Arc::clone(&waiting));
        let mut writer = Writer { target, file, registry, reopen: reopen_seen, taken, torn: false, complained: None };
        let thread = std::thread::Builder::new().name("access-log".to_owned());
        let spawned = thread.spawn(move || {
            writer.run(&incoming);
            // Nobody listens any more when the shutdown's patience was shorter.
            let _ = end_sender.try_send(());
        });
        let writer = spawned.map_err(|error| format!("access log: cannot start its thread: {error}"))?;
        Ok(AccessLog { queue, waiting, reopen, ended, writer })
    }

    pub fn sender(&self) -> AccessLogSender {
        let (give_back, spares) = sync_channel(SPARES_MAX);
        AccessLogSender { queue: self.queue.clone(), waiting: Arc::clone(&self.waiting), spares, give_back }
    }

    /// Closes the file and opens its path again: what log rotation asks for. Takes effect before the next batch.
    pub fn reopen(&self) {
        self.reopen.store(true, Ordering::Release);
        // A full queue has a batch to come, and that wakes the writer as well.
        let _ = self.queue.try_send(Message::Wake);
    }

    /// Writes what is queued and ends the writer. To be called when the shards have stopped sending.
    ///
    /// # Errors
    /// The writer did not get it done in time (a pipe that nobody reads, a hanging disk).
    pub fn finish(self, patience: Duration) -> Result<(), String> {
        let deadline = Instant::now() + patience;
        let mut message = Message::End;
        while let Err(refused) = self.queue.try_send(message) {
            let TrySendError::Full(returned) = refused else { break };
            if Instant::now() >= deadline {
                return Err("access log: records were still queued at the end".to_owned());
            }
            message = returned;
            std::thread::sleep(Duration::from_millis(5));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if self.ended.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
            return Err("access log: the last write did not end in time".to_owned());
        }
        self.writer.join().map_err(|_| "access log: its thread panicked".to_owned())
    }
}

impl AccessLogSender {
    /// Hands a batch of whole lines to the writer.
    ///
    /// # Errors
    /// The queue is full, or the writer has ended: the batch comes back, and its records are the caller's to keep or
    /// to count as dropped.
    pub fn try_send(&self, lines: Vec<u8>) -> Result<(), Vec<u8>> {
        if !self.waiting.admit(lines.len()) {
            return Err(lines);
        }
        let message = Message::Batch { lines, give_back: self.give_back.clone() };
        let Err(TrySendError::Full(refused) | TrySendError::Disconnected(refused)) = self.queue.try_send(message)
        else {
            return Ok(());
        };
        let Message::Batch { lines, .. } = refused else {
            unreachable!("what comes back is what was sent");
        };
        self.waiting.leave(lines.len());
        Err(lines)
    }

    /// An empty buffer: one that came back, or a new one.
    pub fn buffer(&self) -> Vec<u8> {
        self.spares.try_recv().unwrap_or_default()
    }
}

impl Waiting {
    /// The sum may pass the bound for a moment, when two shards ask at once; both are then refused.
    fn admit(&self, bytes: usize) -> bool {
        let admitted = self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= self.bytes_max;
        if !admitted {
            self.leave(bytes);
        }
        admitted
    }

    fn leave(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl AccessLogTarget {
    fn name(&self) -> String {
        match self {
            AccessLogTarget::Stdout => "on stdout".to_owned(),
            AccessLogTarget::File(path) => path.display().to_string(),
        }
    }
}

/// Standard output as a descriptor of its own: without the line buffering and the lock of `std::io::Stdout`.
fn open(target: &AccessLogTarget) -> io::Result<File> {
    match target {
        AccessLogTarget::Stdout => Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?)),
        AccessLogTarget::File(path) => open_file(path),
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

/// The thread's state.
struct Writer {
    target: AccessLogTarget,
    file: File,
    registry: Arc<Registry>,
    reopen: Arc<AtomicBool>,
    taken: Arc<Waiting>,
    /// The last write ended within a line.
    torn: bool,
    complained: Option<Instant>,
}

impl Writer {
    fn run(&mut self, incoming: &Receiver<Message>) {
        while let Ok(message) = incoming.recv() {
            if self.reopen.swap(false, Ordering::Acquire) {
                self.open_again();
            }
            match message {
                Message::Batch { mut lines, give_back } => {
                    self.write(&lines);
                    self.taken.leave(lines.len());
                    lines.clear();
                    let _ = give_back.try_send(lines);
                }
                Message::Wake => {}
                Message::End => return,
            }
        }
    }

    /// A path that cannot be opened leaves the old file in use: records in a rotated file are better than none.
    fn open_again(&mut self) {
        match open(&self.target) {
            Ok(file) => (self.file, self.torn) = (file, false),
            Err(error) => {
                tracing::error!(%error, target = self.target.name(), "access log: cannot reopen, keeping the old")
            }
        }
    }

    fn write(&mut self, lines: &[u8]) {
        if self.torn && write_all(&mut self.file, b"\n").1.is_none() {
            self.torn = false;
        }
        let (written, error) = write_all(&mut self.file, lines);
        let Some(error) = error else { return };
        self.torn |= written > 0 && lines[written - 1] != b'\n';
        let lost = lines[written..].iter().filter(|byte| **byte == b'\n').count();
        self.registry.count_by(Counter::AccessLogDropped, lost as u64);
        self.registry.count(Counter::AccessLogWriteErrors);
        if self.complained.is_none_or(|last| last.elapsed() >= COMPLAINT_PAUSE) {
            self.complained = Some(Instant::now());
            tracing::error!(%error, target = self.target.name(), lost, "access log: records are being lost");
        }
    }
}

/// How much was written, and what stopped it. A descriptor that somebody made non-blocking is given a second.
fn write_all(file: &mut File, mut rest: &[u8]) -> (usize, Option<io::Error>) {
    let length = rest.len();
    let mut tries_left = 200;
    while !rest.is_empty() {
        match file.write(rest) {
            Ok(0) => return (length - rest.len(), Some(io::ErrorKind::WriteZero.into())),
            Ok(count) => rest = &rest[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && tries_left > 0 => {
                tries_left -= 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return (length - rest.len(), Some(error)),
        }
    }
    (length, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("tollgate-access-log-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a temporary directory can be made");
        path
    }

    fn start(target: AccessLogTarget, registry: &Arc<Registry>) -> AccessLog {
        AccessLog::start(target, 32, Arc::clone(registry)).expect("the target opens")
    }

    #[test]
    fn batches_are_appended_and_buffers_come_back() {
        let path = directory("append").join("access.log");
        std::fs::write(&path, "before\n").expect("writable");
        let log = start(AccessLogTarget::File(path.clone()), &Registry::new(0));
        let sender = log.sender();
        assert_eq!(sender.try_send(b"{\"a\":1}\n".to_vec()), Ok(()));
        assert_eq!(sender.try_send(b"{\"a\":2}\n{\"a\":3}\n".to_vec()), Ok(()));
        assert_eq!(log.finish(PATIENCE), Ok(()));
        assert_eq!(std::fs::read_to_string(path).expect("readable"), "before\n{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
        let spare = sender.buffer();
        assert!(spare.is_empty() && spare.capacity() >= 8);
        assert_eq!(sender.try_send(b"late\n".to_vec()), Err(b"late\n".to_vec()));
    }

    #[test]
    fn reopening_follows_the_path() {
        let path = directory("reopen").join("access.log");
        let log = start(AccessLogTarget::File(path.clone()), &Registry::new(0));
        let sender = log.sender();
        assert_eq!(sender.try_send(b"old\n".to_vec()), Ok(()));
        while std::fs::read_to_string(&path).expect("readable") != "old\n" {
            std::thread::yield_now();
        }
        std::fs::rename(&path, path.with_extension("1")).expect("same directory");
        log.reopen();
        assert_eq!(sender.try_send(b"new\n".to_vec()), Ok(()));
        assert_eq!(log.finish(PATIENCE), Ok(()));
        assert_eq!(std::fs::read_to_string(path.with_extension("1")).expect("readable"), "old\n");
        assert_eq!(std::fs::read_to_string(path).expect("readable"), "new\n");
    }

    #[test]
    fn a_full_disk_is_counted_and_survived() {
        let registry = Registry::new(0);
        let log = start(AccessLogTarget::File("/dev/full".into()), &registry);
        let sender = log.sender();
        assert_eq!(sender.try_send(b"1\n2\n3\n".to_vec()), Ok(()));
        assert_eq!(sender.try_send(b"4\n".to_vec()), Ok(()));
        assert_eq!(log.finish(PATIENCE), Ok(()));
        assert_eq!(registry.total(Counter::AccessLogDropped), 4);
        assert_eq!(registry.total(Counter::AccessLogWriteErrors), 2);
    }

    #[test]
    fn what_waits_is_bounded_in_bytes() {
        let waiting = Waiting { bytes: AtomicUsize::new(0), bytes_max: 10 };
        assert!(waiting.admit(6) && waiting.admit(4) && !waiting.admit(1));
        waiting.leave(4);
        assert!(!waiting.admit(5) && waiting.admit(4));
        let log = start(AccessLogTarget::File("/dev/null".into()), &Registry::new(0));
        assert_eq!(log.sender().try_send(vec![b'x'; 33]), Err(vec![b'x'; 33]));
        assert_eq!(log.finish(PATIENCE), Ok(()));
    }

    #[test]
    fn a_target_that_cannot_be_opened_is_told_at_once() {
        let refused = AccessLog::start(AccessLogTarget::File("/dev/null/x".into()), 1, Registry::new(0));
        assert!(refused.err().is_some_and(|reason| reason.starts_with("access log /dev/null/x: ")));
    }
}
