//! What variables take from files: each file is read once, whichever requests name it, and its rows are dealt out from
//! one deck.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use super::parse::Encoding;
use super::{Piece, Texts};

/// The files that were read. Paths are relative to the working directory.
#[derive(Default)]
pub struct Files {
    tables: HashMap<String, Table>,
    lines: HashMap<String, Lines>,
    /// What was made of them for each variable, shared by all texts that have it.
    encoded: HashMap<(String, Encoding), (Arc<Texts>, usize)>,
    decks: usize,
}

struct Table {
    deck: usize,
    header: csv::StringRecord,
    rows: Vec<csv::StringRecord>,
}

struct Lines {
    deck: usize,
    lines: Vec<String>,
}

impl Files {
    /// A number for a file: [`super::Values`] keeps the current row under it.
    pub fn new_deck(&mut self) -> usize {
        self.decks += 1;
        self.decks - 1
    }

    /// The piece for `variable`, whose values and deck are made by `read` the first time.
    pub(super) fn once(
        &mut self,
        variable: &str,
        encoding: Encoding,
        read: impl FnOnce(&mut Files) -> Result<(Arc<Texts>, usize), String>,
    ) -> Result<Piece, String> {
        let key = (variable.to_owned(), encoding);
        let (texts, deck) = match self.encoded.get(&key) {
            Some(known) => known.clone(),
            None => {
                let made = read(self)?;
                self.encoded.insert(key, made.clone());
                made
            }
        };
        Ok(Piece::Row { texts, deck })
    }

    /// The values of a column, and the file's deck. There is at least one.
    pub fn csv_column(&mut self, path: &str, column: &str) -> Result<(impl Iterator<Item = &str>, usize), String> {
        if !self.tables.contains_key(path) {
            let deck = self.new_deck();
            self.tables.insert(path.to_owned(), Table::read(path, deck)?);
        }
        let table = &self.tables[path];
        let Some(index) = table.header.iter().position(|name| name.trim() == column.trim()) else {
            let names: Vec<&str> = table.header.iter().collect();
            return Err(format!("{path} has no column `{column}`; its first row names {}", names.join(", ")));
        };
        // The reader refuses rows of other lengths than the header's.
        Ok((table.rows.iter().map(move |row| &row[index]), table.deck))
    }

    /// The lines that are not empty, and the file's deck. There is at least one.
    pub fn lines(&mut self, path: &str) -> Result<(impl Iterator<Item = &str>, usize), String> {
        if !self.lines.contains_key(path) {
            let lines: Vec<String> = read(path)?.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
            if lines.is_empty() {
                return Err(format!("{path} has no lines"));
            }
            let deck = self.new_deck();
            self.lines.insert(path.to_owned(), Lines { deck, lines });
        }
        let Lines { deck, lines } = &self.lines[path];
        Ok((lines.iter().map(String::as_str), *deck))
    }
}

impl Table {
    /// RFC 4180: commas, double quotes, a header row.
    fn read(path: &str, deck: usize) -> Result<Table, String> {
        let text = read(path)?;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let wrong = |error: csv::Error| format!("{path}: {error}");
        let header = reader.headers().map_err(wrong)?.clone();
        let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().map_err(wrong)?;
        if rows.is_empty() {
            return Err(format!("{path} has no rows after its header"));
        }
        Ok(Table { deck, header, rows })
    }
}

/// A file as text, without a byte order mark.
pub fn read(path: &str) -> Result<String, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Template, Text, Values};
    use super::*;

    fn with_file(content: &str, test: impl FnOnce(&str)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.csv");
        fs::write(&path, content).unwrap();
        test(Path::to_str(&path).unwrap());
    }

    /// What `workers` render in `count` turns each.
    fn rendered(sources: &[&str], workers: usize, count: usize) -> Vec<String> {
        let mut files = Files::default();
        let templates: Vec<Template> = sources
            .iter()
            .map(|source| Template::new(Text::parse(source, Encoding::Body, &mut files).unwrap(), None))
            .collect();
        let mut all = Vec::new();
        let mut values: Vec<Values> = (0..workers).map(|worker| Values::new(worker, workers, 1)).collect();
        for turn in 0..count {
            for values in &mut values {
                let mut bytes = Vec::new();
                templates[turn % templates.len()].render(values, &mut bytes);
                all.push(String::from_utf8(bytes).unwrap());
            }
        }
        all
    }

    #[test]
    fn columns_of_a_request_are_of_one_row() {
        with_file("id,name\n1,ann\n2,\"bob, \"\"b\"\"\"\n3,cem\n", |path| {
            let source = format!("{{{{csv:{path}:id}}}}={{{{csv:{path}:name}}}}");
            assert_eq!(rendered(&[&source], 1, 4), ["1=ann", "2=bob, \"b\"", "3=cem", "1=ann"]);
            assert_eq!(rendered(&[&source], 2, 2), ["1=ann", "2=bob, \"b\"", "3=cem", "1=ann"]);
        });
    }

    #[test]
    fn requests_share_a_file() {
        with_file("id\n1\n2\n3\n", |path| {
            let (a, b) = (format!("a{{{{csv:{path}:id}}}}"), format!("b{{{{csv:{path}:id}}}}"));
            assert_eq!(rendered(&[&a, "-", &b], 1, 6), ["a1", "-", "b2", "a3", "-", "b1"]);
        });
    }

    #[test]
    fn lines_without_the_empty_ones() {
        with_file("\u{feff}x y\r\n\r\n# z\n", |path| {
            assert_eq!(rendered(&[&format!("{{{{line:{path}}}}}")], 1, 3), ["x y", "# z", "x y"]);
        });
    }

    #[test]
    fn mistakes() {
        #[track_caller]
        fn check(content: &str, column: &str, message: &str) {
            with_file(content, |path| {
                let error = Files::default().csv_column(path, column).err().unwrap();
                assert!(error.contains(message), "{error}");
            });
        }
        check("id,name\n1,ann\n", "nam", "no column `nam`; its first row names id, name");
        check("id,name\n", "id", "no rows");
        check("id,name\n1\n", "id", "found record with 1 fields");
        with_file("\n\n", |path| assert!(Files::default().lines(path).err().unwrap().contains("no lines")));
        assert!(Files::default().lines("/no/such").err().unwrap().contains("cannot read /no/such"));
    }
}
