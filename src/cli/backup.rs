//! `tollgate backup`: everything that the management API made, from a running gateway, as lines of text.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;

use super::admin::{Admin, AdminArgs, Ask, credentials_help};
use crate::config::Environment;
use crate::control_plane::store::backup;

#[derive(Args, Clone, Debug)]
#[command(after_help = concat!("\
Examples:
  tollgate backup -o tollgate.backup
  tollgate backup | zstd > tollgate.backup.zst

The gateway serves meanwhile, and a store in memory can be saved too. A backup
holds secrets: the values of API keys, private keys, whatever integrations send.
A file is readable by its owner only, and is there only when it is whole.
", credentials_help!(), "
Exit codes: 0 the backup is whole, 1 it is not, 2 the command line is wrong."))]
pub struct BackupArgs {
    /// The file to write, replacing one that is there [default: the standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub admin: AdminArgs,
}

/// # Errors
/// The gateway does not answer, or the backup is not whole.
pub fn run(args: &BackupArgs, environment: &Environment) -> Result<String, String> {
    let admin = Admin::new(&args.admin, environment)?;
    let ask = Ask { method: "GET", target: "/backup".to_owned(), ..Ask::default() };
    let Some(file) = &args.output else {
        admin.download(ask, &mut std::io::stdout().lock())?;
        return Ok(String::new());
    };
    let part = PathBuf::from(format!("{}.part", file.display()));
    let rows = save(&admin, ask, &part).and_then(|rows| {
        let renamed = std::fs::rename(&part, file);
        renamed.map(|()| rows).map_err(|error| format!("--output: cannot write `{}`: {error}", file.display()))
    });
    if rows.is_err() {
        // What is left of it is of no use; where it cannot be removed either, it is not called a backup.
        let _ = std::fs::remove_file(&part);
    }
    Ok(format!("{}: {} rows\n", file.display(), rows?))
}

/// Writes the backup and reads it again.
fn save(admin: &Admin, ask: Ask<'_>, part: &Path) -> Result<u64, String> {
    let failed = |error: std::io::Error| format!("--output: cannot write `{}`: {error}", part.display());
    let created = File::options().write(true).create(true).truncate(true).mode(0o600).open(part).map_err(failed)?;
    let mut to = BufWriter::new(created);
    admin.download(ask, &mut to)?;
    to.flush().and_then(|()| to.get_ref().sync_all()).map_err(failed)?;
    let (_, rows) = backup::read(BufReader::new(File::open(part).map_err(failed)?))?;
    Ok(rows)
}
