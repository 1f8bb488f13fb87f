"""Functions that do what no function should: their callers get a clear status, and all others what they came for."""

import concurrent.futures
import json

import pytest
from conftest import wait_until

INTERNAL = (502, {"message": "Internal server error"})


def answered(answer):
    return answer.status, answer.json()


# What the function does, and what the access log says of it.
ACCESS_LOG = {
    "faults/huge": "Response payload size exceeded maximum allowed payload size",
    "slow/hangs": "Task timed out after 2.00 seconds",
    "faults/ends": "Runtime exited with error: exit status 7",
    "faults/half": "Runtime exited with error: exit status 9",
    "faults/killed": "Runtime exited with error: signal: killed",
    "faults/eats": "customer function error",
    "faults/raises": "no such pet",
    "faults/recurses": "maximum recursion depth exceeded",
    "faults/malformed": "Malformed Lambda proxy response: invalid value",
    "faults/text": "Malformed Lambda proxy response: invalid type",
    "faults/unknown_member": "Malformed Lambda proxy response: unknown field `bodie`",
    "faults/no_json": "Unable to marshal response",
}


@pytest.mark.parametrize("fault", ACCESS_LOG)
def test_a_function_s_fault_is_a_502_and_its_next_caller_is_well(gateway, fault):
    function, kind = fault.split("/")
    assert answered(gateway.get(f"/{fault}")) == INTERNAL
    assert gateway.get(f"/{function}/well").body == b"well"
    assert gateway.get("/python/x").status == 200
    assert f"asked for {kind}" in gateway.function_log(function)
    wait_until("its line in the access log", lambda: any(is_of(fault, line) for line in gateway.text().splitlines()))


def is_of(fault, line):
    """Whether this line of the access log says that, and why, the function's caller got a 502."""
    if f'"path":"/default/{fault}"' not in line or not line.endswith("}"):
        return False
    line = json.loads(line)
    return line["status"] == 502 and ACCESS_LOG[fault] in line["error"]


@pytest.mark.parametrize("kind", ["garbage", "forks"])
def test_what_is_odd_and_no_fault(gateway, kind):
    for _ in range(2):
        answer = gateway.get(f"/faults/{kind}")
        assert (answer.status, answer.body) == (200, b"well")
    assert f"asked for {kind}" in gateway.function_log("faults")


def test_the_api_does_not_wait_longer_than_it_says(gateway):
    # The first caller waits for the function's start as well, and may not get it in time.
    while gateway.get("/patient/well").status != 200:
        pass
    timed_out = gateway.get("/patient/hangs")
    assert answered(timed_out) == (504, {"message": "Endpoint request timed out"})
    while gateway.get("/patient/well").status != 200:
        pass


def test_others_are_served_while_all_of_a_function_hangs(gateway):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        hanging = [pool.submit(gateway.get, "/slow/hangs") for _ in range(4)]
        assert [gateway.get("/python/x").status for _ in range(5)] == [200] * 5
        assert gateway.get("/express/items/1").json() == {"item": "1"}
        assert [answered(one.result()) for one in hanging] == [INTERNAL] * 4
    assert gateway.get("/slow/well").body == b"well"


def test_a_function_that_does_not_start_is_named_in_the_log(gateway):
    assert answered(gateway.get("/broken")) == INTERNAL
    line = "the function does not start: its process ends (exit status 1); `tollgate functions logs broken` has more"
    wait_until("a line of the log", lambda: line in gateway.text())
    assert gateway.get("/python/x").status == 200


def test_a_function_that_is_off_and_one_that_is_not_there(gateway):
    assert answered(gateway.get("/off")) == (500, {"message": "Internal server error"})
    assert answered(gateway.get("/nobody")) == (500, {"message": "Internal server error"})
    for status in [429, 404]:
        line = f"Lambda invocation failed with status: {status}."
        wait_until(line, lambda: line in gateway.text())
