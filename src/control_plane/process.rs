//! What the kernel tells of this process, from `/proc/self`: memory, CPU time, open files.

/// `USER_HZ`: the unit of times in `/proc`, 100 a second in the ABI of every architecture that io_uring runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Fields are `None` where `/proc` is not to be had.
#[derive(Debug, Default, PartialEq)]
pub struct Process {
    pub resident_bytes: Option<u64>,
    pub cpu_seconds: Option<f64>,
    pub open_files: Option<u64>,
}

impl Process {
    pub fn measure() -> Process {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).ok();
        Process {
            resident_bytes: read("status").as_deref().and_then(resident_bytes),
            cpu_seconds: read("stat").as_deref().and_then(cpu_seconds),
            open_files: open_files(),
        }
    }
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// User and system time: fields 14 and 15, counted from behind the name, which may hold anything (`proc_pid_stat(5)`).
fn cpu_seconds(stat: &str) -> Option<f64> {
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) as f64 / TICKS_PER_SECOND)
}

/// Since Linux 6.2 the directory's size is the number of its entries; before, they are counted, which takes tens of
/// milliseconds with 100,000 connections.
fn open_files() -> Option<u64> {
    let size = std::fs::metadata("/proc/self/fd").ok()?.len();
    if size > 0 {
        return Some(size);
    }
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_in_the_files_of_proc() {
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t3\n"), Some(2_097_152));
        assert_eq!(resident_bytes("Name:\tx\n"), None);
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 1 2 3 4 150 50 0 0 20 0 1 0 9 1 1";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("7 (a"), None);
        assert_eq!(cpu_seconds("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_can_be_measured() {
        let process = Process::measure();
        assert!(process.resident_bytes.is_some_and(|bytes| bytes > 0));
        assert!(process.cpu_seconds.is_some() && process.open_files.is_some_and(|files| files > 2));
    }
}
