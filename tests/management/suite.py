"""All outside tests of the management API, or those named: suite.py [moto] [model] [cli] [session] [durability] [quotas]

Several run beside one another, each a process with a gateway of its own, as many at a time as there are cores: they
wait for disks and for programs to start. Each can be run by itself too, and then takes names or numbers of its own: see
the top of its file. The gateway is target/debug/tollgate, or TOLLGATE_BINARY; logs and reports are below target/management.
"""

import concurrent.futures
import importlib
import os
import subprocess
import sys
import time
import traceback

# The longest first.
SUITES = {
    "durability": "durability",
    "moto": "moto_suite",
    "cli": "cli_examples",
    "session": "session",
    "model": "model_driven",
    "quotas": "quotas",
}


def main(names):
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        sys.exit(f"{', '.join(unknown)}: there are {', '.join(SUITES)}")
    names = names or list(SUITES)
    if len(names) == 1:
        return 0 if outcome(names[0]) else 1
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = dict(zip(names, pool.map(in_a_process, names)))
    failed = [name for name, is_well in outcomes.items() if not is_well]
    print(
        f"management: {len(outcomes) - len(failed)} of {len(outcomes)} passed"
        + "".join(f", not {name}" for name in failed)
    )
    return 1 if failed else 0


def in_a_process(name):
    """What the suite has to say stands together: it is written when it ends."""
    command = [sys.executable, __file__, name]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(run.stdout, end="", flush=True)
    return run.returncode == 0


def outcome(name):
    """Whether it has passed."""
    begin = time.monotonic()
    try:
        return importlib.import_module(SUITES[name]).run()
    except Exception:
        traceback.print_exc()
        return False
    finally:
        print(f"{name}: {time.monotonic() - begin:.0f} s\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
