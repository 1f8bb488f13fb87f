"""All outside tests of the management API, or those named: suite.py [moto] [model] [cli] [session] [durability] [quotas]

Each can be run by itself too, and then takes names or numbers of its own: see the top of its file. The gateway is
target/debug/tollgate, or TOLLGATE_BINARY; logs and reports are below target/management.
"""

import importlib
import sys
import time
import traceback

SUITES = {
    "moto": "moto_suite",
    "model": "model_driven",
    "cli": "cli_examples",
    "session": "session",
    "durability": "durability",
    "quotas": "quotas",
}


def main(names):
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        sys.exit(f"{', '.join(unknown)}: there are {', '.join(SUITES)}")
    outcomes = {name: outcome(name) for name in names or SUITES}
    failed = [name for name, is_well in outcomes.items() if not is_well]
    print(
        f"management: {len(outcomes) - len(failed)} of {len(outcomes)} passed"
        + "".join(f", not {name}" for name in failed)
    )
    return 1 if failed else 0


def outcome(name):
    """Whether it has passed. What stops one does not stop the others."""
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
