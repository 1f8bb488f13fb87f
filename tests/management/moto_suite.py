"""moto's own tests of its API Gateway, run against Tollgate.

They run in moto's server mode, against the splitter, with pytest in a process of its own (moto decides on its mode when
it is imported). A test counts as reachable unless
- moto skips it in server mode, since it patches what is in its own process, or
- it passes without a request for API Gateway, as those do that call moto's WSGI application directly, or
- it asks CloudFormation, whose stack is made by moto within moto.
Those that do not pass are in moto_differences.toml, each with what AWS does instead and where that is proven; the rest must
pass.
"""

import json
import os
import pathlib
import subprocess
import sys

from differences import judge, listed
from gateway import CREDENTIALS, RESET, Gateway, free_ports, wait_until
from places import LEFTOVERS
from sources import unpacked
from splitter import Splitter

HERE = pathlib.Path(__file__).resolve().parent
# Of what AWS does not provably contradict: moto was written from documentation, before much of it was recorded.
PERCENT_MIN = 95
REPORT = LEFTOVERS / "moto.json"
DIFFERENCES = "moto_differences.toml"


def run(names=()):
    """Whether all is well. `names` are pytest's: `test_apigateway_stage.py::test_create_stage_minimal`."""
    folder = unpacked("moto", "tests/__init__.py", "tests/conftest.py", "tests/markers.py", "tests/test_apigateway/")
    with Gateway("moto", {"ACCOUNT_ID": "123456789012"}) as gateway, Moto() as moto:
        with Splitter(host(gateway.admin), host(moto.url), RESET) as splitter:
            report = run_pytest(folder, splitter.endpoint, names)
            # Ids are random, and some tests rely on the order of a list: what fails without being listed is tried again.
            failed = [name for name, test in report.items() if test["problem"] and name not in listed(DIFFERENCES)]
            if failed and not names:
                report |= run_pytest(folder, splitter.endpoint, failed)
    outcomes = {name: test["problem"] for name, test in report.items() if is_reachable(test)}
    print(f"moto: {len(report)} tests, {len(report) - len(outcomes)} of them never reach a server")
    if names:
        failed = {name: problem for name, problem in outcomes.items() if problem}
        print("\n\n".join(f"{name}: {problem}" for name, problem in failed.items()))
        return not failed
    return judge("moto", "reachable tests", outcomes, DIFFERENCES, PERCENT_MIN, asks_for_proof=True)


def is_reachable(test):
    if test["skipped"] or "cloudformation" in test["services"]:
        return False
    return test["problem"] is not None or "apigateway" in test["services"]


def run_pytest(folder, endpoint, names):
    """What moto_plugin.py noted of each test: skipped, its problem, the services that it asked."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"TEST_SERVER_MODE": "true", "TEST_SERVER_MODE_ENDPOINT": endpoint, "PYTHONPATH": str(HERE)}
    environment |= {name.upper(): value for name, value in CREDENTIALS.items()}
    environment |= {"MANAGEMENT_MOTO_REPORT": str(REPORT), "AWS_DEFAULT_REGION": "us-east-1"}
    REPORT.unlink(missing_ok=True)
    pytest = [sys.executable, "-m", "pytest", "-p", "moto_plugin", "-p", "no:cacheprovider", "--quiet", "--tb=short"]
    tests = [f"tests/test_apigateway/{name}" for name in names] or ["tests/test_apigateway"]
    with (LEFTOVERS / "moto-pytest.log").open("w") as log:
        subprocess.run([*pytest, *tests], cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
    return json.loads(REPORT.read_text())


class Moto:
    """A moto server for the services that are not API Gateway."""

    def __enter__(self):
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        path = LEFTOVERS / "moto-server.log"
        with path.open("wb") as log:
            command = [sys.executable, "-c", "from moto.server import main; main()", "-p", str(port)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(f"{self.url}/moto-api/", lambda status: status is not None, self.process, path)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def host(url):
    return url.removeprefix("http://")


if __name__ == "__main__":
    sys.exit(not run(sys.argv[1:]))
