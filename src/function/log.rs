//! The log of one function: what its processes write, and the lines that Lambda puts around each invocation. The latest of
//! it is kept in memory; all of it may go to a file.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::rc::Rc;

use super::time;

/// What the tail of an invocation's log is: `LogResult`, "the last 4 KB".
const TAIL_BYTES: usize = 4_096;

/// A line that is longer is cut in several.
pub const LINE_BYTES_MAX: usize = 16_384;

/// What a line costs besides its text.
const ENTRY_BYTES: usize = 64;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Counted from 0 for each function; what is missing before the first that is kept has been dropped.
    pub sequence: u64,
    pub unix_ms: u64,
    /// `None` for what was written outside of invocations.
    pub request_id: Option<Rc<str>>,
    /// Without the line's end.
    pub text: Box<str>,
}

pub struct Log {
    entries: VecDeque<Entry>,
    bytes: usize,
    bytes_max: usize,
    next_sequence: u64,
    file: Option<LogFile>,
}

impl Log {
    pub fn new(bytes_max: usize, file: Option<LogFile>) -> Log {
        Log { entries: VecDeque::new(), bytes: 0, bytes_max, next_sequence: 0, file }
    }

    pub fn push(&mut self, request_id: Option<&Rc<str>>, text: &str) {
        let unix_ms = time::unix_ms();
        if let Some(file) = &mut self.file {
            file.write(unix_ms, request_id.map_or("-", |id| id), text);
        }
        self.bytes += text.len() + ENTRY_BYTES;
        let entry = Entry { sequence: self.next_sequence, unix_ms, request_id: request_id.cloned(), text: text.into() };
        self.entries.push_back(entry);
        self.next_sequence += 1;
        while self.bytes > self.bytes_max
            && let Some(oldest) = self.entries.pop_front()
        {
            self.bytes -= oldest.text.len() + ENTRY_BYTES;
        }
    }

    /// The lines from a number on, up to `most` of them: the latest where there is no number.
    pub fn read(&self, from: Option<u64>, most: usize) -> impl Iterator<Item = &Entry> {
        let skipped = match from {
            None => self.entries.len().saturating_sub(most),
            Some(from) => self.entries.partition_point(|entry| entry.sequence < from),
        };
        self.entries.iter().skip(skipped).take(most)
    }

    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// The last 4 KB of what was written for a request since `from`.
    pub fn tail(&self, from: u64, request_id: &str) -> String {
        let skipped = self.entries.partition_point(|entry| entry.sequence < from);
        let of_request = |entry: &&Entry| entry.request_id.as_deref() == Some(request_id);
        let text: String =
            self.entries.iter().skip(skipped).filter(of_request).flat_map(|entry| [&*entry.text, "\n"]).collect();
        let mut start = text.len().saturating_sub(TAIL_BYTES);
        while !text.is_char_boundary(start) {
            start += 1;
        }
        text[start..].to_owned()
    }

    pub fn flush(&mut self) {
        if let Some(file) = &mut self.file {
            file.flush();
        }
    }
}

/// A file of bounded size: at its end it becomes `NAME.log.1`, in place of the one before it.
pub struct LogFile {
    path: PathBuf,
    writer: Option<BufWriter<File>>,
    bytes: u64,
    bytes_max: u64,
}

impl LogFile {
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: PathBuf, bytes_max: u64) -> io::Result<LogFile> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let bytes = file.metadata()?.len();
        Ok(LogFile { path, writer: Some(BufWriter::new(file)), bytes, bytes_max })
    }

    /// What cannot be written is lost, once it has been told: a full disk must not end functions.
    fn write(&mut self, unix_ms: u64, request_id: &str, text: &str) {
        let line = format!("{} {request_id} {text}\n", time::iso(unix_ms));
        let length = line.len() as u64;
        if self.bytes > 0 && self.bytes + length > self.bytes_max {
            self.turn();
        }
        self.bytes += length;
        let Some(writer) = &mut self.writer else { return };
        if let Err(error) = writer.write_all(line.as_bytes()) {
            self.give_up(&error);
        }
    }

    fn turn(&mut self) {
        self.flush();
        let turned = std::fs::rename(&self.path, self.path.with_extension("log.1")).and_then(|()| {
            let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
            Ok(BufWriter::new(file))
        });
        match turned {
            Ok(writer) => (self.writer, self.bytes) = (Some(writer), 0),
            Err(error) => self.give_up(&error),
        }
    }

    fn flush(&mut self) {
        if let Some(Err(error)) = self.writer.as_mut().map(BufWriter::flush) {
            self.give_up(&error);
        }
    }

    fn give_up(&mut self, error: &io::Error) {
        tracing::error!("{}: the function's log is not written any more: {error}", self.path.display());
        self.writer = None;
    }
}

/// Bytes as they come, as lines.
#[derive(Default)]
pub struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Gives each line that `bytes` ends, without its end.
    pub fn add(&mut self, mut bytes: &[u8], mut line: impl FnMut(&str)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(&bytes[..end]);
            self.give(&mut line);
            bytes = &bytes[end + 1..];
        }
        self.begun.extend_from_slice(bytes);
        if self.begun.len() >= LINE_BYTES_MAX {
            self.give(&mut line);
        }
    }

    /// Gives what has begun and has no end.
    pub fn end(&mut self, mut line: impl FnMut(&str)) {
        if !self.begun.is_empty() {
            self.give(&mut line);
        }
    }

    fn give(&mut self, line: &mut impl FnMut(&str)) {
        for part in self.begun.chunks(LINE_BYTES_MAX) {
            line(String::from_utf8_lossy(part).trim_end_matches('\r'));
        }
        if self.begun.is_empty() {
            line("");
        }
        self.begun.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<&'a str> {
        entries.map(|entry| &*entry.text).collect()
    }

    #[test]
    fn the_oldest_lines_leave() {
        let mut log = Log::new(3 * (ENTRY_BYTES + 1), None);
        for text in ["a", "b", "c", "d"] {
            log.push(None, text);
        }
        assert_eq!(texts(log.read(None, 9)), ["b", "c", "d"]);
        assert_eq!(texts(log.read(None, 2)), ["c", "d"]);
        assert_eq!(texts(log.read(Some(0), 2)), ["b", "c"]);
        assert_eq!(texts(log.read(Some(3), 2)), ["d"]);
        log.push(None, &"x".repeat(1_000));
        assert_eq!(texts(log.read(None, 9)), Vec::<&str>::new());
    }

    #[test]
    fn a_tail_is_of_one_request() {
        let mut log = Log::new(1 << 20, None);
        let [one, other]: [Rc<str>; 2] = ["1".into(), "2".into()];
        log.push(Some(&one), "before");
        let from = log.next_sequence();
        log.push(Some(&one), "a");
        log.push(Some(&other), "not this");
        log.push(Some(&one), "b");
        assert_eq!(log.tail(from, "1"), "a\nb\n");
        log.push(Some(&one), &"é".repeat(4_000));
        let tail = log.tail(from, "1");
        assert!(tail.len() <= TAIL_BYTES && tail.ends_with("é\n"));
    }

    #[test]
    fn lines_come_in_pieces() {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        lines.add(b"a\nb", |line| found.push(line.to_owned()));
        lines.add(b"c\r\n\n\xff", |line| found.push(line.to_owned()));
        lines.end(|line| found.push(line.to_owned()));
        lines.end(|line| found.push(line.to_owned()));
        assert_eq!(found, ["a", "bc", "", "\u{fffd}"]);
        found.clear();
        lines.add(&[b'x'; LINE_BYTES_MAX + 1], |line| found.push(line.len().to_string()));
        assert_eq!(found, [LINE_BYTES_MAX.to_string(), "1".to_owned()]);
    }

    #[test]
    fn a_full_file_is_turned() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("pets.log");
        let mut log = Log::new(1 << 20, Some(LogFile::open(path.clone(), 64).expect("opens")));
        for text in ["one", "two"] {
            log.push(None, &text.repeat(10));
        }
        log.flush();
        let read = |path: PathBuf| std::fs::read_to_string(path).expect("it is there");
        assert!(read(path.clone()).contains("twotwo") && read(path.with_extension("log.1")).contains("oneone"));
    }
}
