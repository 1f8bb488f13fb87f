//! CPU time and memory of processes and threads, from `/proc` and the thread's clock.

#![allow(unsafe_code)]

use std::path::Path;
use std::time::Duration;

/// What a process and its living children have used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    pub user: Duration,
    pub system: Duration,
    pub rss_bytes: u64,
}

impl Usage {
    /// Of `pid` and everything it started: a server may answer from children of the process that one knows.
    ///
    /// # Errors
    /// The process does not exist, or is not ours to look at.
    pub fn of_tree(pid: u32) -> Result<Usage, String> {
        let mut total = Usage::of(pid)?;
        let mut known = vec![pid];
        let mut next = 0;
        while let Some(&parent) = known.get(next) {
            next += 1;
            for child in children(parent) {
                if !known.contains(&child)
                    && let Ok(usage) = Usage::of(child)
                {
                    known.push(child);
                    total.user += usage.user;
                    total.system += usage.system;
                    total.rss_bytes += usage.rss_bytes;
                }
            }
        }
        Ok(total)
    }

    fn of(pid: u32) -> Result<Usage, String> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .map_err(|error| format!("process {pid} cannot be looked at: {error}"))?;
        Usage::parse(&stat, ticks_per_second(), page_bytes())
            .ok_or_else(|| format!("/proc/{pid}/stat is not as proc(5) describes it"))
    }

    /// `/proc/PID/stat`, proc(5): the second field, the name, may hold blanks and brackets, so count from its end.
    fn parse(stat: &str, ticks_per_second: u64, page_bytes: u64) -> Option<Usage> {
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let time = |ticks: u64| Duration::from_secs_f64(ticks as f64 / ticks_per_second as f64);
        Some(Usage { user: time(number(14)?), system: time(number(15)?), rss_bytes: number(24)? * page_bytes })
    }
}

/// Of all threads of `pid`; empty where the kernel does not tell (CONFIG_PROC_CHILDREN) or the process is gone.
fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = Path::new(&format!("/proc/{pid}/task")).read_dir() else { return Vec::new() };
    threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
        .collect()
}

/// Of this process, all its threads, living and gone; times to the microsecond.
pub fn own_usage() -> Usage {
    // SAFETY: a rusage is numbers only, for which all zeros is a value; it outlives the call, which fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1_000);
    let rss_bytes = Usage::of(std::process::id()).map_or(0, |usage| usage.rss_bytes);
    Usage { user: time(usage.ru_utime), system: time(usage.ru_stime), rss_bytes }
}

/// CPU time of the calling thread, exact.
pub fn thread_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` outlives the call, which fills it.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(result, 0, "the clock of the calling thread can always be read");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn ticks_per_second() -> u64 {
    // SAFETY: sysconf has no preconditions.
    unsafe { libc::sysconf(libc::_SC_CLK_TCK) as u64 }
}

fn page_bytes() -> u64 {
    // SAFETY: sysconf has no preconditions.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as u64 }
}

/// Pins the calling thread to one CPU.
///
/// # Errors
/// The CPU does not exist or is not allowed to this process.
pub fn pin_to(cpu: usize) -> Result<(), String> {
    // SAFETY: a cpu_set_t is a bit set for which all zeros is a value; the calls stay within its size, as CPU_SET checks.
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if cpu >= libc::CPU_SETSIZE as usize {
            return Err(format!("there is no CPU {cpu}"));
        }
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, std::mem::size_of::<libc::cpu_set_t>(), &set)
    };
    if result == 0 {
        return Ok(());
    }
    Err(format!("a worker cannot be pinned to CPU {cpu}: {}", std::io::Error::last_os_error()))
}

/// Makes room for `count` descriptors of this process.
///
/// # Errors
/// The system's hard limit is lower.
pub fn allow_descriptors(count: u64) -> Result<(), String> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` outlives both calls; the first fills it, the second reads it.
    let raised = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        if limit.rlim_cur >= count {
            return Ok(());
        }
        limit.rlim_cur = count.min(limit.rlim_max);
        libc::setrlimit(libc::RLIMIT_NOFILE, &limit)
    };
    if raised == 0 && limit.rlim_cur >= count {
        return Ok(());
    }
    Err(format!("{count} descriptors are needed, but only {} are allowed; see `ulimit -Hn`", limit.rlim_max))
}

/// Sleeps of the calling thread end as exactly as the kernel can, instead of up to 50 µs late.
pub fn exact_sleeps() {
    // SAFETY: PR_SET_TIMERSLACK takes a number of ns and touches no memory. Failure costs exactness only.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1u64) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_stat_line_with_a_name_that_looks_like_fields() {
        let stat = "7 (a) R (b) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 1 0 100 1000000 25 18446744073709551615";
        let usage = Usage::parse(stat, 100, 4096).unwrap();
        assert_eq!(usage.user, Duration::from_millis(1500));
        assert_eq!(usage.system, Duration::from_millis(500));
        assert_eq!(usage.rss_bytes, 25 * 4096);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        let error = Usage::of_tree(u32::MAX).unwrap_err();
        assert!(error.starts_with("process 4294967295 cannot be looked at"), "{error}");
    }

    #[test]
    fn children_count() {
        // Two processes of which nothing else changes; this one's memory does, by the tests beside this.
        let mut child = std::process::Command::new("sh").args(["-c", "sleep 10 & wait"]).spawn().unwrap();
        let counted = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            let alone = Usage::of(child.id()).unwrap().rss_bytes;
            alone > 0 && Usage::of_tree(child.id()).unwrap().rss_bytes > alone
        });
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(counted);
        assert!(Usage::of_tree(child.id()).is_err());
    }
}
