"""One gateway for all of these tests, with real functions in its host, and a client for it.

    tests/run                                                          builds and installs what they need
    target/venv/bin/python -m pytest tests/serverless [-k streaming]   runs them again

The gateway is target/debug/tollgate, or TOLLGATE_BINARY. Its log is target/serverless/gateway.log.
"""

import dataclasses
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LEFTOVERS = ROOT / "target/serverless"
BINARY = pathlib.Path(os.environ.get("TOLLGATE_BINARY", ROOT / "target/debug/tollgate"))
START_SECONDS_MAX = 60
ANSWER_SECONDS_MAX = 60


@dataclasses.dataclass
class Answer:
    status: int
    headers: list
    body: bytes

    def json(self):
        return json.loads(self.body)

    def header(self, name):
        """The values of the lines with this name."""
        return [value for known, value in self.headers if known.lower() == name.lower()]


class Gateway:
    def __init__(self, folder):
        self.log = LEFTOVERS / "gateway.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TOLLGATE_")}
        # Interpreters are often where only their own user may look: functions run as whoever tests.
        environment |= {"TOLLGATE_FUNCTIONS_USER": user_name(), "TOLLGATE_FUNCTIONS_PYTHON": sys.executable}
        environment |= {"TOLLGATE_FUNCTIONS_RUN_FOLDER": str(folder), "PATH": os.environ["PATH"]}
        command = [BINARY, "serve", HERE / "api.yaml", "--config", HERE / "tollgate.toml"]
        command += ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        with self.log.open("wb") as log:
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            self.process = subprocess.Popen(command, env=environment, **streams)
        self.port = self.announced(r"listening on http://127\.0\.0\.1:(\d+)")
        self.functions = self.announced(r"functions on http://127\.0\.0\.1:(\d+)")
        self.admin = self.announced(r"admin on http://127\.0\.0\.1:(\d+)")

    def announced(self, pattern):
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.text()):
                return int(found[1])
            assert self.process.poll() is None, self.text()
            time.sleep(0.01)
        raise AssertionError(f"{pattern} is not in {self.text()}")

    def text(self):
        """What the gateway has said, its access log included."""
        return self.log.read_text(errors="replace")

    def call(self, method, path, headers=None, body=None):
        """`headers` may be a list of pairs, for names that come twice."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS_MAX)
        connection.putrequest(method, f"/default{path}", skip_accept_encoding=True)
        pairs = headers.items() if isinstance(headers, dict) else headers or []
        for name, value in pairs:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        answer = Answer(answer.status, answer.getheaders(), answer.read())
        connection.close()
        return answer

    def get(self, path, headers=None):
        return self.call("GET", path, headers)

    def metric(self, name):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=ANSWER_SECONDS_MAX)
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"tollgate_{name} "))

    def function_log(self, name):
        """What a function has written, by `tollgate functions logs`."""
        environment = os.environ | {"TOLLGATE_FUNCTIONS_URL": f"http://127.0.0.1:{self.functions}"}
        command = [BINARY, "functions", "logs", name]
        return subprocess.run(command, env=environment, capture_output=True, check=True).stdout.decode(errors="replace")

    def stop(self):
        self.process.terminate()
        return self.process.wait(START_SECONDS_MAX)


def user_name():
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("functions"))
    yield gateway
    assert gateway.stop() == 0
    assert "panicked" not in gateway.text()


def wait_until(what, condition):
    deadline = time.monotonic() + ANSWER_SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, f"{what} does not come"
        time.sleep(0.01)
