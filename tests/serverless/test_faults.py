"""Functions that do what no function should: their callers get a clear status, and all others what they came for."""

import concurrent.futures
import json

import pytest

INTERNAL = (502, {"message": "Internal server error"})


def answered(answer):
    return answer.status, answer.json()


# What the function does, and what its log or the access log says of it.
FAULTS = {
    "huge": "Function.ResponseSizeTooLarge",
    "hangs": "Task timed out after 2.00 seconds",
    "ends": "exit status 7",
    "killed": "signal: killed",
    "eats": "",
    "raises": "no such pet",
    "recurses": "RecursionError",
    "malformed": "",
    "text": "",
    "unknown_member": "",
    "no_json": "Runtime.MarshalError",
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_function_s_fault_is_a_502_and_its_next_caller_is_well(gateway, kind):
    assert answered(gateway.get(f"/faults/{kind}")) == INTERNAL
    assert gateway.get("/faults/well").body == b"well"
    assert gateway.get("/python/x").status == 200
    log = gateway.function_log("faults")
    assert f"asked for {kind}" in log and FAULTS[kind] in log
    last = [json.loads(line) for line in gateway.text().splitlines() if f'"path":"/default/faults/{kind}"' in line][-1]
    assert last["status"] == 502 and last["error"], last


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
        hanging = [pool.submit(gateway.get, "/faults/hangs") for _ in range(4)]
        assert [gateway.get("/python/x").status for _ in range(5)] == [200] * 5
        assert gateway.get("/express/items/1").json() == {"item": "1"}
        assert [answered(one.result()) for one in hanging] == [INTERNAL] * 4
    assert gateway.get("/faults/well").body == b"well"
