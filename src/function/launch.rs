//! The start of a process: its port, its folder, its environment, its warden.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tokio::net::TcpListener;
use tokio::net::unix::pipe;
use tokio::process::Command;

use super::name::LATEST;
use super::pool::Function;
use super::process::{Parts, Process};
use super::warden::{self, Confinement};
use super::{User, runtime, runtime_api, time};

/// How many files a function may have open: Lambda's limit.
const FILES_MAX: u64 = 1_024;

/// How many processes and threads a function may have: Lambda's limit.
const PROCESSES_MAX: u64 = 1_024;

/// Starts a process in a place among all of the host; it is being watched over when this returns.
///
/// # Errors
/// Why it cannot be started.
pub fn start(function: &Rc<Function>, place: usize) -> Result<Rc<Process>, String> {
    let (host, live) = (&function.host, function.live());
    let definition = &live.definition;
    let user = host.settings.user.of_place(place)?;
    let listener = listen().map_err(|error| format!("no port for its Runtime API: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let serial = host.next_serial();
    let folder = private_folder(&host.work, serial, user).map_err(|error| format!("no folder of its own: {error}"))?;
    let log_stream = format!("{}/[{LATEST}]{serial:032x}", time::log_date(time::unix_ms()));
    let root = &live.code.root;
    let environment =
        runtime::environment(definition, &host.surroundings, root, &folder, &address.to_string(), &log_stream);
    let confinement = Confinement {
        user,
        data_bytes_max: Some(runtime::data_bytes_max(definition)),
        files_max: FILES_MAX,
        processes_max: matches!(host.settings.user, User::OwnFrom(_)).then_some(PROCESSES_MAX),
    };

    let pipes = || -> io::Result<_> { Ok((io::pipe()?, io::pipe()?)) };
    let ((stop_reader, stop), (output, writer)) = pipes().map_err(|error| format!("no pipe: {error}"))?;
    let errors = writer.try_clone().map_err(|error| format!("no pipe: {error}"))?;
    let mut command = Command::new(&host.settings.launcher);
    command.args(confinement.arguments()).args(runtime::command(definition, root, &host.surroundings.interpreters));
    command.env_clear().envs(warden::carried(environment)).current_dir(root).process_group(0);
    command.stdin(stop_reader).stdout(writer).stderr(errors);
    let child = command.spawn().map_err(|error| {
        // It is empty, and ours.
        let _ = fs::remove_dir(&folder);
        format!("{}: {error}", host.settings.launcher.display())
    })?;
    drop(command);
    let warden = child.id().unwrap_or_default();

    // The same pipe twice, and it does not block: to wait for what is written, and to look at once whether anything was.
    let output = File::from(OwnedFd::from(output));
    let receiver = output.try_clone().and_then(|output| pipe::Receiver::from_owned_fd(output.into()));
    let receiver = receiver.map_err(|error| format!("no pipe: {error}"))?;
    let own_user = user.filter(|_| matches!(host.settings.user, User::OwnFrom(_))).map(|(user, _)| user);
    let process = Process::new(Parts {
        function: Rc::clone(function),
        generation: live.generation,
        place,
        user: own_user,
        warden,
        stop,
        output,
        folder,
    });
    let api = tokio::task::spawn_local(runtime_api::serve(Rc::clone(&process), listener));
    let watched = Rc::clone(&process);
    tokio::task::spawn_local(async move {
        watched.supervise(child, receiver).await;
        api.abort();
    });
    Ok(process)
}

fn listen() -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// A folder that only the function's user can enter, as `HOME` and `TMPDIR`.
fn private_folder(work: &Path, serial: u64, user: Option<(u32, u32)>) -> io::Result<PathBuf> {
    let folder = work.join(serial.to_string());
    fs::create_dir(&folder)?;
    fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
    if let Some((user, group)) = user {
        std::os::unix::fs::chown(&folder, Some(user), Some(group))?;
    }
    Ok(folder)
}
