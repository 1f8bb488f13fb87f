#!/usr/bin/env python3
"""Writes the mapping-template vectors of airspeed-ext to a JSON file: tests/vectors/airspeed.py FILE

The sdist of airspeed-ext has templates with their contexts (tests/test_templating.py) and what the real API Gateway
made of them (tests/test_templating.snapshot.json, the keys `render-result-N`). The templates are arguments in test
functions, so each test is called with a fixture that notes its arguments and renders nothing; the packages that the
test module imports are replaced by empty ones and need not be installed.

The sdist comes from PyPI, or from the folder in AIRSPEED_EXT_SDIST; its version is that in tests/requirements.txt.
"""

import glob
import inspect
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest.mock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STANDINS = [
    "airspeed", "airspeed.operators", "localstack", "localstack.testing", "localstack.testing.aws",
    "localstack.testing.aws.util", "localstack.testing.config", "localstack.testing.pytest", "localstack.utils",
    "localstack.utils.archives", "localstack.utils.files", "localstack.utils.http", "localstack.utils.run",
    "localstack.utils.strings", "localstack.utils.sync", "pytest", "requests", "six",
]  # fmt: skip


def main(target):
    with tempfile.TemporaryDirectory() as folder:
        tests = unpacked(sdist(folder), folder)
        source = read(os.path.join(tests, "test_templating.py"))
        recorded = json.loads(read(os.path.join(tests, "test_templating.snapshot.json")))
    vectors = list(paired(source, recorded))
    os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
    # A run that is cut short leaves no half a file.
    unfinished = f"{target}.{os.getpid()}"
    with open(unfinished, "w", encoding="utf-8") as file:
        json.dump(vectors, file, indent=1)
    os.replace(unfinished, target)
    print(f"{len(vectors)} vectors")


def sdist(folder):
    given = os.environ.get("AIRSPEED_EXT_SDIST")
    if given is None:
        pinned = re.search(r"^airspeed-ext==\S+", read(os.path.join(ROOT, "tests/requirements.txt")), re.MULTILINE)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--no-binary", ":all:", "--dest", folder, pinned.group()], check=True)
    return glob.glob(os.path.join(given or folder, "airspeed_ext-*.tar.gz"))[0]


def unpacked(archive, folder):
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            if "/tests/test_templating" in member.name:
                tar.extract(member, folder)
    return glob.glob(os.path.join(folder, "*", "tests"))[0]


def paired(source, recorded):
    """Each call of the fixture with what was recorded for it."""
    for test, calls in noted(source):
        answers = recorded.get(f"tests/test_templating.py::{test}", {}).get("recorded-content", {})
        for number, call in enumerate(calls, start=1):
            expected = answers.get(f"render-result-{number}")
            if expected is not None:
                yield {"name": f"{test}#{number}", **call, "expected": expected}


def noted(source):
    """Each test of the module with the arguments that it gave to `test_render`."""
    module = {"__name__": "test_templating"}
    for name in STANDINS:
        sys.modules[name] = unittest.mock.MagicMock()
    # The decorators leave what they decorate as it is.
    pytest = sys.modules["pytest"]
    pytest.fixture = lambda function=None, **_: function or (lambda inner: inner)
    pytest.mark.xfail = pytest.mark.skip = lambda **_: lambda inner: inner
    exec(compile(source, "test_templating.py", "exec"), module)
    for group in [value for value in module.values() if inspect.isclass(value) and value.__name__.startswith("Test")]:
        for name, test in inspect.getmembers(group, inspect.isfunction):
            if "test_render" not in inspect.signature(test).parameters:
                continue
            calls = []

            def note(template, context=None, skip_cli=False, ignore_whitespaces=False, calls=calls):
                calls.append({"template": template, "context": context or {}, "ignore_whitespaces": ignore_whitespaces})

            try:
                test(group(), test_render=note)
            except Exception:
                # A test that uses more than this fixture; what it noted before counts.
                pass
            yield f"{group.__name__}::{name}", calls


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
