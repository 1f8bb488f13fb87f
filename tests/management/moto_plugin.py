"""A pytest plugin that writes down how each of moto's tests ended, and which services it asked of the splitter."""

import json
import os
import urllib.request

tests = {}


def pytest_runtest_logreport(report):
    name = report.nodeid.removeprefix("tests/test_apigateway/")
    test = tests.setdefault(name, {"skipped": False, "problem": None, "services": []})
    test["skipped"] |= report.skipped
    if report.failed and test["problem"] is None:
        test["problem"] = first_error(report.longreprtext)
    if report.when == "teardown":
        test["services"] = services_asked()


def pytest_sessionfinish():
    with open(os.environ["MANAGEMENT_MOTO_REPORT"], "w") as file:
        json.dump(tests, file, indent=1)


def services_asked():
    with urllib.request.urlopen(os.environ["TEST_SERVER_MODE_ENDPOINT"] + "/splitter/seen") as response:
        return json.load(response)


def first_error(traceback):
    """The line of the test and what was said there; the whole is in pytest's output."""
    lines = traceback.splitlines()
    places = [line for line in lines if line.startswith("tests/")]
    errors = [line.removeprefix("E").strip() for line in lines if line.startswith("E ")]
    return " ".join([*places[-1:], *errors[:1]])
