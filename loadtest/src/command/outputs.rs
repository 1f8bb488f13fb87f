//! Files to write, opened before the run: a mistake in a path is told at once, and no measurement is lost by it.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::report::{Report, csv, hgrm, html, json};
use crate::settings::Outputs;

/// One file and what goes into it.
pub struct Output {
    path: PathBuf,
    content: Content,
    sink: Sink,
}

type Content = fn(&Report) -> Result<String, String>;

enum Sink {
    Stdout,
    /// What it held before stays until there is something to write.
    File {
        file: File,
        is_new: bool,
    },
}

/// # Errors
/// A file cannot be written; those that were made before it are taken away again.
pub fn open(outputs: &Outputs) -> Result<Vec<Output>, String> {
    let wanted: [(&Option<PathBuf>, Content); 5] = [
        (&outputs.json, |report| Ok(json::write(report))),
        (&outputs.html, |report| Ok(html::page(std::slice::from_ref(report)))),
        (&outputs.csv, |report| Ok(csv::write(report))),
        (&outputs.hgrm, |report| hgrm::percentiles(&report.total.latency)),
        (&outputs.hlog, hgrm::interval_log),
    ];
    let mut opened = Vec::new();
    for (path, content) in wanted {
        let Some(path) = path else { continue };
        match Sink::open(path) {
            Ok(sink) => opened.push(Output { path: path.clone(), content, sink }),
            Err(error) => {
                discard(opened);
                return Err(cannot_be_written(path, &error));
            }
        }
    }
    Ok(opened)
}

/// Takes away what [`open`] made, where there is nothing to write.
pub fn discard(outputs: Vec<Output>) {
    for output in outputs {
        if matches!(output.sink, Sink::File { is_new: true, .. }) {
            // An empty file that stays does no harm.
            let _ = std::fs::remove_file(output.path);
        }
    }
}

/// Writes all of them, whether or not others fail; what failed.
pub fn write(outputs: Vec<Output>, report: &Report) -> Vec<String> {
    outputs.into_iter().filter_map(|output| output.write(report).err()).collect()
}

/// Writes one text, for which no file was opened before.
pub fn write_text(path: &Path, text: &str) -> Result<(), String> {
    let sink = Sink::open(path).map_err(|error| cannot_be_written(path, &error))?;
    sink.write(text).map_err(|error| cannot_be_written(path, &error))
}

/// `-` stands for it.
pub fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// A reader that has gone, such as `head`, is no error of ours; a full disk is.
pub fn print(out: &mut dyn Write, text: &str) -> io::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

impl Output {
    fn write(self, report: &Report) -> Result<(), String> {
        let text = (self.content)(report)?;
        self.sink.write(&text).map_err(|error| cannot_be_written(&self.path, &error))
    }
}

impl Sink {
    fn open(path: &Path) -> io::Result<Sink> {
        if is_stdout(path) {
            return Ok(Sink::Stdout);
        }
        let is_new = !path.exists();
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        Ok(Sink::File { file, is_new })
    }

    fn write(self, text: &str) -> io::Result<()> {
        match self {
            Sink::Stdout => print(&mut io::stdout(), text),
            Sink::File { mut file, .. } => {
                // Pipes and devices have no length.
                if file.metadata()?.is_file() {
                    file.set_len(0)?;
                }
                print(&mut file, text)
            }
        }
    }
}

fn cannot_be_written(path: &Path, error: &io::Error) -> String {
    let name = if is_stdout(path) { "the standard output".to_owned() } else { path.display().to_string() };
    format!("{name} cannot be written: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn outputs(json: &Path, csv: &Path) -> Outputs {
        Outputs { json: Some(json.to_owned()), csv: Some(csv.to_owned()), ..Outputs::default() }
    }

    #[test]
    fn files_are_opened_before_and_replaced_after() {
        let folder = tempfile::tempdir().unwrap();
        let (json, csv) = (folder.path().join("a.json"), folder.path().join("a.csv"));
        let before = "what was here before, and is longer than a line ".repeat(10_000);
        std::fs::write(&json, &before).unwrap();

        let opened = open(&outputs(&json, &csv)).ok().unwrap();
        assert_eq!(std::fs::read_to_string(&json).unwrap(), before);
        discard(opened);
        assert!(!csv.exists());
        assert_eq!(std::fs::read_to_string(&json).unwrap(), before);

        let report = sample::ordinary();
        assert_eq!(write(open(&outputs(&json, &csv)).ok().unwrap(), &report), [""; 0]);
        assert_eq!(std::fs::read_to_string(&json).unwrap(), json::write(&report));
        assert_eq!(std::fs::read_to_string(&csv).unwrap(), csv::write(&report));
    }

    #[test]
    fn a_wrong_path_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let json = folder.path().join("a.json");
        let error = open(&outputs(&json, &folder.path().join("none/a.csv"))).err().unwrap();
        assert!(error.contains("none/a.csv cannot be written: No such file"), "{error}");
        assert!(!json.exists());
    }

    #[test]
    fn what_fails_is_told_and_the_others_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let csv = folder.path().join("a.csv");
        let failed = write(open(&outputs(Path::new("/dev/full"), &csv)).ok().unwrap(), &sample::ordinary());
        assert!(matches!(&failed[..], [one] if one.starts_with("/dev/full cannot be written: No space")), "{failed:?}");
        assert!(csv.metadata().unwrap().len() > 0);
    }
}
