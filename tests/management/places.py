"""Where things are: the repository, the gateway's binary, and what the tests leave behind below target/."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "tests/requirements.txt"
SOURCES = ROOT / "target/sdist"
LEFTOVERS = ROOT / "target/management"
BINARY = pathlib.Path(os.environ.get("TOLLGATE_BINARY", ROOT / "target/debug/tollgate"))
