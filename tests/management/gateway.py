"""The gateway as a process, with an empty store in a folder of its own, and boto3 clients for it.

    with Gateway("paging") as gateway:
        gateway.client().create_rest_api(name="pets")

Its log is target/management/NAME.log. The environment variable MANAGEMENT_ENDPOINT names a management API that runs
already (`http://127.0.0.1:5000`); then that one is tested, and no process started. It is for comparison with another
implementation, and what needs the process itself (restarts, served APIs) cannot be tested so.
"""

import os
import random
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import boto3
from botocore.config import Config

from places import BINARY, LEFTOVERS

ELSEWHERE = os.environ.get("MANAGEMENT_ENDPOINT")
RESET = "/moto-api/reset" if ELSEWHERE else "/reset"
REGION = "us-east-1"
# Any key will do: without keys of its own, the gateway takes every signature that comes over loopback.
CREDENTIALS = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG/EXAMPLEKEY"}
START_SECONDS_MAX = 30
# What AWS serves and this version does not (functions, API keys) is deployed all the same; its methods answer 500.
SETTINGS = {"MANAGEMENT_RESET": "true", "MANAGEMENT_UNSUPPORTED": "deny"}


class Gateway:
    """`settings` are the gateway's by the names of their variables: `{"MANAGEMENT_RESET": "true"}`."""

    def __init__(self, name, settings=None):
        self.name = name
        self.settings = {**SETTINGS, **(settings or {})}
        self.folder = LEFTOVERS / name
        self.process = None
        listen, admin = free_ports(2)
        self.served = f"http://127.0.0.1:{listen}"
        self.admin = ELSEWHERE or f"http://127.0.0.1:{admin}"
        self.command = [BINARY, "serve", "--empty", "--data", self.folder]
        self.command += ["--listen", f"127.0.0.1:{listen}", "--admin", f"127.0.0.1:{admin}"]

    def __enter__(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.log.unlink(missing_ok=True)
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def log(self):
        return LEFTOVERS / f"{self.name}.log"

    def start(self):
        """Returns when the gateway says that it is ready."""
        if ELSEWHERE:
            return
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TOLLGATE_")}
        environment |= {f"TOLLGATE_{name}": value for name, value in self.settings.items()}
        # On a busy machine, the kernel takes down a killed process's rings, and with them its listeners, a while after the
        # process has ended.
        environment.setdefault("TOLLGATE_LISTEN_WAIT_MS", "10000")
        with self.log.open("ab") as log:
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            self.process = subprocess.Popen(self.command, env=environment, **streams)
        wait_until(f"{self.admin}/readyz", lambda status: status == 200, self.process, self.log)

    def stop(self):
        self.end(subprocess.Popen.terminate)

    def kill(self):
        """As when the power goes: nothing can be written on the way down."""
        self.end(subprocess.Popen.kill)

    def end(self, how):
        if self.process:
            how(self.process)
            self.process.wait()
            self.process = None

    def client(self, region=REGION, **config):
        """One try a call, so that a test sees the first answer."""
        session = boto3.session.Session(region_name=region, **CREDENTIALS)
        config = Config(retries={"max_attempts": 0}, **config)
        return session.client("apigateway", endpoint_url=self.admin, config=config)

    def reset(self):
        """Empties the store."""
        urllib.request.urlopen(urllib.request.Request(self.admin + RESET, method="POST")).read()

    def url(self, api, stage, path="/"):
        """Where a deployed API is served."""
        return f"{self.served}/_aws/execute-api/{api}/{stage}{path}"


def wait_until(url, is_well, process, log):
    """Asks until the status is well; the end of the process is the end of the wait."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}: {last_lines(log)}")
        if is_well(status(url)):
            return
        time.sleep(0.01)
    process.kill()
    raise RuntimeError(f"{url} is not there after {START_SECONDS_MAX} s: {last_lines(log)}")


def status(url):
    """The status that a GET is answered with, None where nobody listens."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status
    except urllib.error.HTTPError as answer:
        return answer.code
    except OSError:
        return None


def last_lines(log):
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def free_ports(count):
    """Ports that nobody listens on; all different, as they are held until all are known.

    They are below those that the kernel gives to clients (from 32768 on): while a gateway is started again, no
    connection of another suite takes its place.
    """
    held = []
    while len(held) < count:
        try:
            held.append(socket.create_server(("127.0.0.1", random.randrange(10_000, 32_768))))
        except OSError:
            continue
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports
