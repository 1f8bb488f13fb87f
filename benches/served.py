"""What the scripts beside this file measure: the gateway as a process, and signed calls to manage it."""

import contextlib
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "management"))

from wire import Wire  # noqa: E402

REGION = "us-east-1"
ACCESS_KEY, SECRET_KEY = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
START_SECONDS_MAX = 60


class Gateway:
    """`tollgate serve` with all its files in a folder; stopped at the end of a `with`.

    `cores` are those that it may use; without them, all.
    """

    def __init__(self, binary, folder, *arguments, settings="", cores=None):
        self.folder, self.cores, self.process = pathlib.Path(folder), cores, None
        self.port, self.admin_port = free_ports(2)
        written = self.folder / "tollgate.toml"
        written.write_text(settings)
        self.command = [binary, "serve", *arguments, "--config", written]
        self.command += ["--listen", f"127.0.0.1:{self.port}", "--admin", f"127.0.0.1:{self.admin_port}"]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.end(signal.SIGTERM)

    def start(self):
        """Returns when it is ready, and says after how many seconds."""
        affinity = self.cores and (lambda: os.sched_setaffinity(0, self.cores))
        began = time.monotonic()
        with open(self.folder / "gateway.log", "ab") as log:
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            self.process = subprocess.Popen(self.command, preexec_fn=affinity, **streams)
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() - began > START_SECONDS_MAX:
                self.end(signal.SIGKILL)
                sys.exit(f"the gateway did not start: {(self.folder / 'gateway.log').read_text()[-2000:]}")
            time.sleep(0.002)
        return time.monotonic() - began

    def ready(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait()

    def resident_mb(self):
        return self.in_status("VmRSS")

    def peak_mb(self):
        return self.in_status("VmHWM")

    def in_status(self, name):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 / 1e6 for line in status.splitlines() if line.startswith(name))

    def wire(self):
        return SignedWire(f"http://127.0.0.1:{self.admin_port}")

    def url(self, api_id, stage, path):
        return f"http://127.0.0.1:{self.port}/_aws/execute-api/{api_id}/{stage}{path}"


class SignedWire(Wire):
    """A management connection whose requests are signed (SigV4), as AWS's tools sign them."""

    def signature(self, method, path, content):
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{date[:8]}/{REGION}/apigateway/aws4_request"
        path, _, query = path.partition("?")
        # Queries here have their parameters in order, so that there is nothing to sort.
        headers = f"host:{self.host}\nx-amz-date:{date}\n"
        canonical = "\n".join([method, path, query, headers, "host;x-amz-date", hashlib.sha256(content).hexdigest()])
        to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{SECRET_KEY}".encode()
        for part in [*scope.split("/"), to_sign]:
            key = hmac.digest(key, part.encode(), "sha256")
        signed = f"Credential={ACCESS_KEY}/{scope}, SignedHeaders=host;x-amz-date, Signature={key.hex()}"
        return date, f"AWS4-HMAC-SHA256 {signed}"

    def made(self, method, path, body=None):
        """The answer of a call that has to succeed."""
        status, answer = self.call(method, path, body)
        if status >= 300:
            sys.exit(f"{method} {path}: {status} {json.dumps(answer)}")
        return answer


def programs(folder, *names):
    """Where each program is: in the folder, or built now."""
    if folder:
        return {name: folder / name for name in names}
    command = ["cargo", "build", "--release", "--package", "tollgate", "--package", "loadtest"]
    # `static_backend` is one of the peers' servers, which cargo knows as benchmarks.
    command += [word for name in names for word in ("--bench" if name == "static_backend" else "--bin", name)]
    built = subprocess.run([*command, "--message-format=json-render-diagnostics"], cwd=ROOT, stdout=subprocess.PIPE)
    if built.returncode != 0:
        sys.exit("the build failed; see above")
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    return {m["target"]["name"]: m["executable"] for m in messages if m.get("executable")}


@contextlib.contextmanager
def backend(program):
    """A backend that always answers the same 100 bytes; its port."""
    (port,) = free_ports(1)
    process = subprocess.Popen([program, f"127.0.0.1:{port}"], stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit("the backend did not start")
                time.sleep(0.01)
        yield port
    finally:
        process.terminate()
        process.wait()


def managed(folder):
    """Settings of a gateway that demands signatures; what it logs and audits goes into the folder."""
    return f"""
[management]
access_keys = [{{ id = "{ACCESS_KEY}", secret = "{SECRET_KEY}" }}]
audit_log = "{folder}/audit.log"
[access_log]
destination = "{folder}/access.log"
"""


def free_ports(count):
    """Ports that nobody listens on; all different, as they are held until all are known."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports
