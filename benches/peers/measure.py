"""What the kernel and the load tools know about a server: CPU time, resident memory, system calls, answers."""

import dataclasses
import json
import os
import signal
import subprocess
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

#: Printed by wrk itself, so that nothing is parsed from its rounded text. It costs nothing while requests run.
WRK_SCRIPT = """
function done(summary, latency, requests)
  local e = summary.errors
  io.stderr:write(string.format('{"requests":%d,"seconds":%f,"bytes":%d,"errors":%d}',
    summary.requests, summary.duration / 1e6, summary.bytes,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


class ServerFailed(Exception):
    """A server did not do its part, and the message says how."""


@dataclasses.dataclass(frozen=True)
class Cpu:
    """CPU seconds that a server has used since it started."""

    user: float
    kernel: float

    def __sub__(self, earlier):
        return Cpu(self.user - earlier.user, self.kernel - earlier.kernel)


@dataclasses.dataclass(frozen=True)
class Load:
    """What a load tool got in one run."""

    requests: int
    seconds: float
    bytes: int
    errors: int


def tree(pid):
    """The process and everything that it started: nginx answers from a child of the process we know."""
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int(stat_fields(entry.name)[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    pids = [pid]
    for known in pids:
        pids.extend(children.get(known, []))
    return pids


def stat_fields(pid):
    """/proc/PID/stat from its third field on; the second, the name, may hold blanks and brackets."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu(pids):
    """All threads, living and gone. The kernel scales the two to the scheduler's exact run time, to 10 ms."""
    fields = [stat_fields(pid) for pid in pids]
    user, kernel = (sum(int(f[n]) for f in fields) / TICKS_PER_SECOND for n in (11, 12))
    return Cpu(user, kernel)


def rss_bytes(pids):
    """Resident memory of the processes together."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE")


def loadtest(program, url, cores, connections, seconds, close=False, keys=None):
    """Runs the bundled load tester against `url`; with `close`, each request is made on a connection of its own; with a
    file of API keys, these take turns."""
    command = [program, "--workers=1", f"--connections={connections}", f"--duration={seconds}s", "--warm-up=0"]
    command += ["--quiet", "--json=-"]
    if url.startswith("https:"):
        command += ["--insecure", "--no-resume"]
    if close:
        command += ["--header=Connection: close"]
    if keys:
        command += [f"--api-keys={keys}"]
    report = json.loads(load_tool([*command, url], cores).stdout)
    total = report["total"]
    return Load(total["answered"], total["seconds"], total["bytes_received"], sum(total["failures"].values()))


def wrk(url, directory, cores, connections, seconds, close=False, key=None):
    """Runs wrk against `url`; with `close`, each request is made on a connection of its own. An API key is in all."""
    script = directory / "report.lua"
    script.write_text(WRK_SCRIPT)
    header = ["-H", "Connection: close"] if close else []
    header += ["-H", f"X-Api-Key: {key}"] if key else []
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script, *header, url]
    return Load(**json.loads(load_tool(command, cores).stderr.strip().splitlines()[-1]))


def load_tool(command, cores):
    run = subprocess.run(command, capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    if run.returncode != 0:
        raise ServerFailed(f"{Path(command[0]).name} says: {(run.stdout + run.stderr).strip()}")
    return run


def syscalls(pids, load):
    """Counts the system calls of `pids` while `load()` runs; None where perf is missing or not allowed.

    Operations that io_uring carries out are not system calls; only the calls that enter the ring are.
    """
    command = ["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", ",".join(map(str, pids))]
    try:
        perf = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        return None
    load()
    perf.send_signal(signal.SIGINT)
    for line in perf.communicate()[1].splitlines():
        count, _, rest = line.partition(",")
        if "raw_syscalls" in rest and count.isdigit():
            return int(count)
    return None
