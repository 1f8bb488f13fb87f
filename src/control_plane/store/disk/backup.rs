//! All rows as lines of text: a backup, made while the gateway serves, and the way back from it.
//!
//! ```text
//! {"tollgate_backup":1}
//! {"table":"rest_apis","key":["us-east-1","a1b2c3d4e5"],"row":{…}}
//! …
//! {"rows":1,"crc32":"9a0b1c2d"}
//! ```
//! The last line counts the rows and sums up every byte before it: a backup that was cut short or altered is refused.

use std::io::{BufRead, BufWriter, Write};
use std::path::Path;

use flate2::Crc;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Disk, FILE_NAME, ROWS, SEPARATOR, create, lock, split, text};
use crate::control_plane::store::Store;

const FORMAT: u64 = 1;

/// The longest line that is read: a row with its deployment's snapshot.
const LINE_BYTES_MAX: u64 = 256 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    tollgate_backup: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row<'r> {
    table: std::borrow::Cow<'r, str>,
    key: Vec<String>,
    /// As it is stored, byte for byte.
    #[serde(borrow)]
    row: &'r RawValue,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tail {
    rows: u64,
    crc32: String,
}

impl Disk {
    /// Writes all rows as they are at one moment; commits go on meanwhile. Returns how many rows there are.
    ///
    /// # Errors
    /// A row cannot be read, or not be written to where the backup goes.
    pub fn backup(&self, to: impl Write) -> Result<u64, String> {
        let rows = self.rows()?;
        let mut lines = Lines { to: BufWriter::new(to), crc: Crc::new() };
        lines.write(&Head { tollgate_backup: FORMAT })?;
        let mut count = 0;
        for row in rows.range::<&str>(..).map_err(text)? {
            let (key, value) = row.map_err(text)?;
            let (table, key) = split(key.value())?;
            let key = key.split(SEPARATOR).map(str::to_owned).collect();
            let row = serde_json::from_slice(value.value()).map_err(text)?;
            lines.write(&Row { table: table.into(), key, row })?;
            count += 1;
        }
        let crc32 = format!("{:08x}", lines.crc.sum());
        lines.write(&Tail { rows: count, crc32 })?;
        lines.to.flush().map_err(text)?;
        Ok(count)
    }
}

struct Lines<W: Write> {
    to: BufWriter<W>,
    crc: Crc,
}

impl<W: Write> Lines<W> {
    fn write(&mut self, line: &impl Serialize) -> Result<(), String> {
        let mut line = serde_json::to_vec(line).map_err(text)?;
        line.push(b'\n');
        self.crc.update(&line);
        self.to.write_all(&line).map_err(text)
    }
}

/// Makes a store of a backup: all of it, or nothing. Returns how many rows there are.
///
/// # Errors
/// The folder has a store and it is not to be `replaced`; a process has it; or the backup is not whole, or has a row that
/// cannot be read.
pub fn restore(folder: &Path, from: impl BufRead, replaced: bool) -> Result<u64, String> {
    let _lock = lock(folder)?;
    if !replaced && folder.join(FILE_NAME).exists() {
        return Err(format!("there is a store in {} already", folder.display()));
    }
    let mut count = 0;
    create(folder, |transaction| {
        let mut rows = transaction.open_table(ROWS).map_err(text)?;
        // Every row is read as it will be at the start: a store that cannot be loaded is none.
        let mut store = Store::default();
        count = read(from, |row| {
            let key = row.key.join("\0");
            store.load(&row.table, &key, row.row.get().as_bytes())?;
            let key = format!("{}{SEPARATOR}{key}", row.table);
            rows.insert(&*key, row.row.get().as_bytes()).map_err(text)?;
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(count)
}

/// Each row, and then how many there were.
fn read(mut from: impl BufRead, mut take: impl FnMut(Row<'_>) -> Result<(), String>) -> Result<u64, String> {
    let cut = || "the backup was cut short".to_owned();
    let (mut line, mut crc, mut count) = (Vec::new(), Crc::new(), 0);
    read_line(&mut from, &mut line)?;
    let head: Head = serde_json::from_slice(&line).map_err(|_| "this is no backup of Tollgate's".to_owned())?;
    if head.tollgate_backup != FORMAT {
        return Err(format!("the backup has format {}, this Tollgate reads {FORMAT}", head.tollgate_backup));
    }
    loop {
        crc.update(&line);
        read_line(&mut from, &mut line)?;
        if line.last() != Some(&b'\n') {
            return Err(cut());
        }
        if let Ok(tail) = serde_json::from_slice::<Tail>(&line) {
            read_line(&mut from, &mut line)?;
            let whole = tail.rows == count && tail.crc32 == format!("{:08x}", crc.sum()) && line.is_empty();
            return if whole { Ok(count) } else { Err("the backup was altered: its sum differs".to_owned()) };
        }
        count += 1;
        let row = serde_json::from_slice(&line).map_err(|error| format!("row {count} of the backup: {error}"))?;
        take(row)?;
    }
}

fn read_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> Result<(), String> {
    line.clear();
    std::io::Read::take(from, LINE_BYTES_MAX).read_until(b'\n', line).map_err(text)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup() -> Vec<u8> {
        let mut lines = Lines { to: BufWriter::new(Vec::new()), crc: Crc::new() };
        lines.write(&Head { tollgate_backup: FORMAT }).expect("JSON");
        let row = serde_json::from_str(r#"{"a" : 1.0}"#).expect("JSON");
        lines.write(&Row { table: "t".into(), key: vec!["r".into(), "\u{e9}".into()], row }).expect("JSON");
        let crc32 = format!("{:08x}", lines.crc.sum());
        lines.write(&Tail { rows: 1, crc32 }).expect("JSON");
        lines.to.into_inner().expect("memory")
    }

    #[test]
    fn a_row_comes_back_byte_for_byte() {
        let mut rows = Vec::new();
        let count = read(&*backup(), |row| {
            rows.push(format!("{} {} {}", row.table, row.key.join("/"), row.row));
            Ok(())
        });
        assert_eq!((count, rows), (Ok(1), vec!["t r/\u{e9} {\"a\" : 1.0}".to_owned()]));
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let whole = backup();
        for length in 0..whole.len() {
            assert!(read(&whole[..length], |_| Ok(())).is_err(), "{length} bytes");
            let mut altered = whole.clone();
            altered[length] ^= 1;
            assert!(read(&*altered, |_| Ok(())).is_err(), "byte {length}");
        }
        assert!(read(&*[&*whole, b"\n"].concat(), |_| Ok(())).is_err());
    }
}
