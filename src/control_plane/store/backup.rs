//! All rows as lines of text: a backup, made while the gateway serves, and the way back from it.
//!
//! ```text
//! {"tollgateBackup":2,"createdDate":1764108780}
//! {"table":"rest_apis","key":["us-east-1","a1b2c3d4e5"],"row":{…}}
//! …
//! {"rows":1,"sha256":"9a0b1c2d…"}
//! ```
//! The last line counts the rows and has the hash of every byte before it: a backup that was cut short or altered is
//! refused. The format is that of the rows too; a newer one is refused as a whole.

use std::io::{BufRead, Read, Write};

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Loading, Store};

const FORMAT: u64 = 2;
/// It had rows that are made of the others now.
const FORMAT_BEFORE: u64 = 1;

/// The longest line that is read: a row with its deployment's snapshot.
const LINE_BYTES_MAX: u64 = 256 << 20;

/// Between the parts of a key, where they are written as one.
const SEPARATOR: &str = "\0";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    tollgate_backup: u64,
    /// Seconds since 1970.
    created_date: i64,
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
    sha256: String,
}

/// Writes all rows; returns how many there are. `now_s` is the time, in seconds since 1970.
///
/// # Errors
/// A row cannot be written as JSON, or not to where the backup goes.
pub fn write(store: &Store, now_s: i64, to: &mut impl Write) -> Result<u64, String> {
    let mut lines = Lines { to, hash: Context::new(&SHA256) };
    lines.write(&Head { tollgate_backup: FORMAT, created_date: now_s })?;
    let mut rows = 0;
    store.visit(&mut |table, key, row| {
        rows += 1;
        let key = key.split(SEPARATOR).map(str::to_owned).collect();
        let row = serde_json::from_slice(row).map_err(text)?;
        lines.write(&Row { table: table.into(), key, row })
    })?;
    let tail = Tail { rows, sha256: hex(lines.hash.clone()) };
    lines.write(&tail)?;
    lines.to.flush().map_err(text)?;
    Ok(rows)
}

struct Lines<'w, W: Write> {
    to: &'w mut W,
    hash: Context,
}

impl<W: Write> Lines<'_, W> {
    fn write(&mut self, line: &impl Serialize) -> Result<(), String> {
        let mut line = serde_json::to_vec(line).map_err(text)?;
        line.push(b'\n');
        self.hash.update(&line);
        self.to.write_all(&line).map_err(text)
    }
}

/// A store with all rows of a backup, each read as it will be at the next start; and how many there are.
///
/// # Errors
/// It is no backup, of a newer version, not whole, or has a row that cannot be read.
pub fn read(from: impl BufRead) -> Result<(Store, u64), String> {
    let mut store = Loading::default();
    let rows = read_rows(from, |row| store.load(&row.table, &row.key.join(SEPARATOR), row.row.get().as_bytes()))?;
    Ok((store.finish([]), rows))
}

fn read_rows(mut from: impl BufRead, mut take: impl FnMut(Row<'_>) -> Result<(), String>) -> Result<u64, String> {
    let (mut line, mut hash, mut rows) = (Vec::new(), Context::new(&SHA256), 0);
    read_line(&mut from, &mut line)?;
    let head: Head = serde_json::from_slice(&line).map_err(|_| "this is no backup of Tollgate's".to_owned())?;
    if ![FORMAT_BEFORE, FORMAT].contains(&head.tollgate_backup) {
        let found = head.tollgate_backup;
        return Err(format!("the backup has format {found}, this Tollgate reads format {FORMAT}: use a newer one"));
    }
    loop {
        hash.update(&line);
        read_line(&mut from, &mut line)?;
        if line.last() != Some(&b'\n') {
            return Err("the backup was cut short: its last line is missing".to_owned());
        }
        if let Ok(tail) = serde_json::from_slice::<Tail>(&line) {
            read_line(&mut from, &mut line)?;
            let whole = tail.rows == rows && tail.sha256 == hex(hash) && line.is_empty();
            return if whole { Ok(rows) } else { Err("the backup was altered: its SHA-256 differs".to_owned()) };
        }
        rows += 1;
        let row = serde_json::from_slice(&line).map_err(|error| format!("row {rows} of the backup: {error}"))?;
        take(row)?;
    }
}

fn read_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> Result<(), String> {
    line.clear();
    from.take(LINE_BYTES_MAX).read_until(b'\n', line).map_err(text)?;
    Ok(())
}

fn hex(hash: Context) -> String {
    hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DeploymentId, RestApi, Stage};

    fn store() -> Store {
        let mut store = Store::default();
        store.rest_apis.put(&["r", "a"], RestApi { name: "\u{e9}\n".into(), ..RestApi::default() });
        let stage = Stage { deployment_id: Some(DeploymentId("d".into())), ..Stage::default() };
        store.stages.put(&["r", "a", "prod"], stage);
        store
    }

    fn backup() -> Vec<u8> {
        let mut backup = Vec::new();
        assert_eq!(write(&store(), 7, &mut backup), Ok(2));
        backup
    }

    #[test]
    fn what_was_backed_up_is_read_again() {
        let (read, rows) = read(&*backup()).expect("it is whole");
        assert_eq!(rows, 2);
        let name = |store: &Store| store.rest_apis.row(&["r", "a"]).map(|api| api.name.clone());
        assert_eq!(name(&read), name(&store()));
        let stage = |store: &Store| store.stages.row(&["r", "a", "prod"]).cloned();
        assert_eq!(stage(&read), stage(&store()));
        assert!(!read.changed_since(Default::default()));
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let whole = backup();
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length} bytes");
            let mut altered = whole.clone();
            altered[length] ^= 1;
            assert!(read(&*altered).is_err(), "byte {length}");
        }
        assert!(read(&*[&*whole, b"\n"].concat()).is_err());
    }

    #[test]
    fn a_newer_format_is_refused_as_such() {
        let newer = String::from_utf8(backup()).expect("text").replacen("Backup\":2", "Backup\":3", 1);
        let refusal = read(newer.as_bytes()).expect_err("it is newer");
        assert_eq!(refusal, "the backup has format 3, this Tollgate reads format 2: use a newer one");
        assert_eq!(read(&b"{}\n"[..]).expect_err("it is none"), "this is no backup of Tollgate's");
    }
}
