//! The warden of one function's process: this program, started once more, which starts the runtime, and when that ends
//! kills everything that is left of it.
//!
//! What a runtime starts may leave its process group (`setsid`) and its parent (a double fork). As a *subreaper* the
//! warden becomes the parent of all such, so that none is out of its reach. It also spares the gateway a `fork`, which would
//! make every shard fault on each page that it writes next: the warden is spawned as `vfork` does it, and forks alone.
//!
//! The warden's standard input is a pipe that the gateway holds: when it closes, on purpose or because the gateway is no
//! more, the runtime is killed. The warden ends as the runtime did, with its code or by its signal.
#![allow(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The first argument of a program that is to be a warden.
pub const ARGUMENT: &str = "function-warden";

/// What stands before the name of each of the function's variables in the warden's environment: the function's words
/// (`LD_PRELOAD`) are not to be read by a program that may be root's.
const CARRIED: &str = "TOLLGATE_CARRIED_";

/// A function's environment, as the warden carries it.
pub fn carried(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    environment.into_iter().map(|(name, value)| {
        let mut carried = OsString::from(CARRIED);
        carried.push(name);
        (carried, value)
    })
}

/// What [`run`] ends with when the runtime cannot be started; a shell's code for it.
pub const NOT_STARTED: i32 = 126;

/// What a runtime may have of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confinement {
    /// The user and the group that it runs as; `None` leaves the gateway's.
    pub user: Option<(u32, u32)>,
    /// RLIMIT_DATA: what it may write to of its memory, stacks of threads included.
    pub data_bytes_max: Option<u64>,
    pub files_max: u64,
    /// RLIMIT_NPROC: processes and threads of its user, which for a shared user are not its own alone.
    pub processes_max: Option<u64>,
}

impl Confinement {
    /// As [`run`] takes it, without the program.
    pub fn arguments(&self) -> [String; 6] {
        let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        [
            ARGUMENT.to_owned(),
            number(self.user.map(|(user, _)| user.into())),
            number(self.user.map(|(_, group)| group.into())),
            number(self.data_bytes_max),
            self.files_max.to_string(),
            number(self.processes_max),
        ]
    }

    /// The user whose processes are all this function's: those of a shared one are not counted either.
    fn own_user(&self) -> Option<(u32, u32)> {
        self.user.filter(|_| self.processes_max.is_some())
    }

    fn parse(arguments: &[OsString]) -> Option<Confinement> {
        let number = |at: usize| -> Option<Option<u64>> {
            let text = arguments.get(at)?.to_str()?;
            if text == "-" { Some(None) } else { text.parse().ok().map(Some) }
        };
        let id = |at| number(at)?.map(u32::try_from).transpose().ok();
        Some(Confinement {
            user: id(0)?.zip(id(1)?),
            data_bytes_max: number(2)?,
            files_max: number(3)??,
            processes_max: number(4)?,
        })
    }
}

/// Runs what `arguments` say, all that follow [`ARGUMENT`]: five numbers as [`Confinement`] has them, the program and its
/// arguments. Returns the code to end with.
pub fn run(arguments: &[OsString]) -> i32 {
    let (Some(confinement), Some((program, rest))) =
        (Confinement::parse(arguments), arguments.get(5..).and_then(<[OsString]>::split_first))
    else {
        eprintln!("{ARGUMENT} is how the gateway starts functions; it is of no use alone");
        return 2;
    };
    // SAFETY: two system calls without pointers.
    let prepared = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 && keep_no_descriptors() };
    if !prepared {
        eprintln!("cannot prepare for a function: {}", io::Error::last_os_error());
        return NOT_STARTED;
    }
    let runtime = match start(&confinement, program, rest) {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cannot start {}: {error}", program.display());
            return NOT_STARTED;
        }
    };
    // The gateway reads the end of the log as the runtime's.
    leave_output();
    let running = Mutex::new(Some(runtime));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            wait_for_the_end_of_input();
            if let Some(runtime) = *running.lock().unwrap_or_else(PoisonError::into_inner) {
                kill(-runtime);
                kill(runtime);
            }
        });
        let status = wait_for(runtime, &running);
        kill_descendants(&confinement);
        end_as(status)
    })
}

/// Starts the runtime as the leader of a session of its own, and gives its id.
fn start(confinement: &Confinement, program: &OsStr, arguments: &[OsString]) -> io::Result<libc::pid_t> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let environment = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.as_bytes().strip_prefix(CARRIED.as_bytes())?;
        Some((OsStr::from_bytes(name).to_owned(), value))
    });
    command.env_clear().envs(environment.collect::<Vec<_>>());
    if let Some((user, group)) = confinement.user {
        // The standard library leaves root's other groups too.
        command.uid(user).gid(group);
    }
    let confinement = *confinement;
    // SAFETY: what runs between fork and exec makes system calls only, and allocates nothing.
    unsafe { command.pre_exec(move || confine(&confinement)) };
    let child = command.spawn()?;
    libc::pid_t::try_from(child.id()).map_err(io::Error::other)
}

/// After the change of the user, which would undo what dies with the parent.
fn confine(confinement: &Confinement) -> io::Result<()> {
    let checked = |answer: libc::c_int| if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(()) };
    // SAFETY: system calls; the one pointer among them is to a value that outlives the call.
    unsafe {
        checked(libc::setsid())?;
        checked(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0))?;
        checked(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
        limit(libc::RLIMIT_CORE, Some(0))?;
        limit(libc::RLIMIT_NOFILE, Some(confinement.files_max))?;
        limit(libc::RLIMIT_DATA, confinement.data_bytes_max)?;
        limit(libc::RLIMIT_NPROC, confinement.processes_max)
    }
}

/// # Safety
/// None is needed of the caller; `setrlimit` reads the limit that it is given.
unsafe fn limit(resource: libc::__rlimit_resource_t, most: Option<u64>) -> io::Result<()> {
    let Some(most) = most else { return Ok(()) };
    let mut current = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls take a valid `rlimit`, which the first one fills.
    let answer = unsafe {
        libc::getrlimit(resource, &mut current);
        let most = most.min(current.rlim_max);
        libc::setrlimit(resource, &libc::rlimit { rlim_cur: most, rlim_max: most })
    };
    if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Whatever the gateway has forgotten to mark, nothing but the standard three gets past an exec.
///
/// # Safety
/// A system call without pointers: the descriptors stay open here.
unsafe fn keep_no_descriptors() -> bool {
    const CLOEXEC: libc::c_uint = 4;
    // SAFETY: see above. Kernels before 5.11 do not know it; there the marks of the standard library have to do.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, 3 as libc::c_uint, libc::c_uint::MAX, CLOEXEC) };
    answer == 0 || matches!(io::Error::last_os_error().raw_os_error(), Some(libc::ENOSYS | libc::EINVAL))
}

fn leave_output() {
    let Ok(nowhere) = std::fs::OpenOptions::new().write(true).open("/dev/null") else { return };
    use std::os::fd::AsRawFd;
    for standard in [1, 2] {
        // SAFETY: both descriptors are open, and nobody else in this process uses the standard ones any more.
        unsafe { libc::dup2(nowhere.as_raw_fd(), standard) };
    }
}

fn wait_for_the_end_of_input() {
    let mut byte = [0];
    loop {
        match io::stdin().read(&mut byte) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(1..) => {}
            _ => return,
        }
    }
}

/// Waits for the runtime, and meanwhile for every orphan that comes by.
fn wait_for(runtime: libc::pid_t, running: &Mutex<Option<libc::pid_t>>) -> libc::c_int {
    loop {
        // Seen, not yet reaped: until `running` says so its id is nobody else's.
        // SAFETY: `siginfo_t` is a plain value that the call fills.
        let ended = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            match libc::waitid(libc::P_ALL, 0, &mut info, libc::WEXITED | libc::WNOWAIT) {
                0 => Some(info.si_pid()),
                _ => None,
            }
        };
        let Some(ended) = ended else {
            if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return 0;
        };
        if ended == runtime {
            *running.lock().unwrap_or_else(PoisonError::into_inner) = None;
            kill(-runtime);
        }
        let mut status = 0;
        // SAFETY: the pointer is to a value that outlives the call.
        unsafe { libc::waitpid(ended, &mut status, 0) };
        if ended == runtime {
            return status;
        }
    }
}

/// How often those that are left are looked for before all of their user's are killed.
const ROUNDS_MAX: u32 = 50;

/// Kills until there is nobody left to wait for: the children of one that dies become ours.
fn kill_descendants(confinement: &Confinement) {
    let mut rounds = 0;
    loop {
        // SAFETY: a null pointer says that the status is not wanted.
        match unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) } {
            -1 => return,
            0 => {
                rounds += 1;
                // Another host of the machine may have given the same user to a function that does no harm.
                if let Some((user, group)) = confinement.own_user().filter(|_| rounds > ROUNDS_MAX) {
                    kill_all_of(user, group);
                }
                children().for_each(kill);
                std::thread::sleep(Duration::from_millis(1));
            }
            _ => {}
        }
    }
}

/// By `/proc`, where each process says who its parent is.
fn children() -> impl Iterator<Item = libc::pid_t> {
    let own = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name of a program may have spaces and parentheses of its own.
        let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?;
        (parent == own).then_some(id)
    })
}

/// Kills every process of a user that nobody else is: all at once, so that none forks faster than it is found.
fn kill_all_of(user: u32, group: u32) {
    // SAFETY: the child makes system calls only, which take no pointers, and ends. It cannot signal any but this user's.
    unsafe {
        match libc::fork() {
            0 => {
                let is_user = libc::setgroups(0, std::ptr::null()) == 0
                    && libc::setresgid(group, group, group) == 0
                    && libc::setresuid(user, user, user) == 0;
                if is_user {
                    libc::kill(-1, libc::SIGKILL);
                }
                libc::_exit(0);
            }
            -1 => {}
            child => {
                libc::waitpid(child, std::ptr::null_mut(), 0);
            }
        }
    }
}

fn kill(id: libc::pid_t) {
    // SAFETY: a system call without pointers.
    unsafe { libc::kill(id, libc::SIGKILL) };
}

fn end_as(status: libc::c_int) -> ! {
    let status = ExitStatus::from_raw(status);
    if let Some(signal) = status.signal() {
        // SAFETY: system calls without pointers. The signal may be one that nobody dies of.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::kill(libc::getpid(), signal);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    std::process::exit(status.code().unwrap_or(NOT_STARTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confinement_comes_through_the_arguments() {
        for confinement in [
            Confinement { files_max: 1_024, ..Confinement::default() },
            Confinement {
                user: Some((65_534, 65_533)),
                data_bytes_max: Some(1 << 40),
                files_max: 7,
                processes_max: Some(9),
            },
        ] {
            let arguments: Vec<OsString> = confinement.arguments().into_iter().skip(1).map(OsString::from).collect();
            assert_eq!(Confinement::parse(&arguments), Some(confinement));
            assert_eq!(Confinement::parse(&arguments[..4]), None);
        }
    }
}
