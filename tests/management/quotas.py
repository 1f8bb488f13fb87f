"""The gateway is killed while it counts requests for quotas, again and again; the counts must be those of what was sent.

A few clients call with a key each, on kept connections, until the process is gone (SIGKILL). Then it is started again, and
each key's usage is asked for. Every request that was answered with 200 has been counted, and none that was not sent:

    answered <= counted <= sent

One request for each client and round may have been on its way at the kill. The quotas are small enough to be reached: of
what was answered with 429 nothing is counted, and never more than the quota. Then it is extended, by `UpdateUsage`.

    quotas.py [ROUNDS]

The store is kept from round to round, as are the counts.
"""

import datetime
import random
import sys
import threading
import time

from gateway import Gateway
from wire import Wire

ROUNDS = 50
CLIENTS = 4
# How long the clients call before the kill.
CALL_SECONDS = (0.005, 0.2)
# Of each key at the start, and what is left after each time that it is used up.
QUOTA = 2000
EXTENSION = 1500


def run(arguments=()):
    """Whether all is well. The first round with a problem is the last."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    with Gateway("quotas", {"SHARDS": "2"}) as gateway:
        wire = Wire(gateway.admin)
        target, plan = keyed_stage(wire)
        callers = [Caller(number, wire, plan, target) for number in range(CLIENTS)]
        wire.close()
        begin = today()
        for number in range(1, rounds + 1):
            one_life(gateway, callers, plan, chance.uniform(*CALL_SECONDS))
            problems = [problem for caller in callers for problem in caller.problems]
            if problems or today() != begin:
                break
    for problem in problems:
        print(f"quotas: round {number}, seed {seed}: {problem}")
    total = {name: sum(caller.total[name] for caller in callers) for name in callers[0].total}
    print(
        "quotas: {} of {} kills, {answered} answered <= {counted} counted <= {sent} sent, {lost} lost, {phantom} phantom, "
        "{refused} refused, {extended} extensions, {} problems".format(number, rounds, len(problems), **total)
    )
    return not problems


def today():
    """In UTC, as quotas have it. What is counted around midnight is in two rows: then the test ends early."""
    return datetime.datetime.now(datetime.timezone.utc).date().isoformat()


def keyed_stage(wire):
    """An API whose one method demands a key, and a plan for it: the path, and the plan's id."""
    api = made(wire, "POST", "/restapis", {"name": "counted"})
    method = f"/restapis/{api['id']}/resources/{api['rootResourceId']}/methods/GET"
    made(wire, "PUT", method, {"authorizationType": "NONE", "apiKeyRequired": True})
    made(wire, "PUT", f"{method}/responses/200", {})
    mock = {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}}
    made(wire, "PUT", f"{method}/integration", mock)
    made(wire, "PUT", f"{method}/integration/responses/200", {})
    made(wire, "POST", f"/restapis/{api['id']}/deployments", {"stageName": "live"})
    stages = [{"apiId": api["id"], "stage": "live"}]
    quota = {"limit": QUOTA, "period": "DAY"}
    plan = made(wire, "POST", "/usageplans", {"name": "counted", "apiStages": stages, "quota": quota})
    return f"/_aws/execute-api/{api['id']}/live/", plan["id"]


def made(wire, method, path, body):
    status, answer = wire.call(method, path, body)
    if status >= 300:
        raise RuntimeError(f"{method} {path}: {status} {answer}")
    return answer


def one_life(gateway, callers, plan, seconds):
    """The callers call until the kill; after the restart their usage is compared."""
    threads = [threading.Thread(target=caller.call, args=(gateway.served,)) for caller in callers]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    gateway.kill()
    for thread in threads:
        thread.join()
    gateway.start()
    wire = Wire(gateway.admin)
    for caller in callers:
        caller.verify(wire, plan)
    wire.close()


class Caller:
    """A key, and what was sent with it in this life; `total` is of all lives."""

    def __init__(self, number, wire, plan, target):
        key = made(wire, "POST", "/apikeys", {"name": f"caller {number}", "enabled": True})
        made(wire, "POST", f"/usageplans/{plan}/keys", {"keyId": key["id"], "keyType": "API_KEY"})
        self.key = key["id"]
        self.request = f"GET {target} HTTP/1.1\r\nHost: counted.test\r\nX-API-Key: {key['value']}\r\n\r\n".encode()
        self.allowed = QUOTA
        self.problems = []
        self.counted = self.sent = self.answered = 0
        self.total = dict.fromkeys(["answered", "counted", "sent", "lost", "phantom", "refused", "extended"], 0)

    def call(self, served):
        """Returns when the process is gone."""
        try:
            wire = Wire(served)
            while True:
                self.sent += 1
                status, _ = wire.exchange(self.request)
                if status == 200:
                    self.answered += 1
                elif status == 429:
                    self.sent -= 1
                    self.total["refused"] += 1
                    time.sleep(0.01)
                else:
                    self.problems.append(f"{self.key}: a request was answered {status}")
                    return
        except OSError:
            return
        except Exception as error:
            self.problems.append(f"{self.key}: {type(error).__name__}: {error}")

    def verify(self, wire, plan):
        day = today()
        _, usage = wire.call("GET", f"/usageplans/{plan}/usage?startDate={day}&endDate={day}&keyId={self.key}")
        before = self.counted
        self.counted, remaining = usage["values"][self.key][0]
        counted = self.counted - before
        lost, phantom = max(0, self.answered - counted), max(0, counted - self.sent)
        if lost or phantom:
            self.problems.append(f"{self.key}: {self.answered} answered, {counted} counted, {self.sent} sent")
        if self.counted > self.allowed or remaining != self.allowed - self.counted:
            self.problems.append(f"{self.key}: {self.counted} of {self.allowed} counted, {remaining} remain")
        life = {"answered": self.answered, "counted": counted, "sent": self.sent, "lost": lost, "phantom": phantom}
        for name, number in life.items():
            self.total[name] += number
        self.sent = self.answered = 0
        if remaining == 0:
            patch = [{"op": "replace", "path": "/remaining", "value": str(EXTENSION)}]
            made(wire, "PATCH", f"/usageplans/{plan}/keys/{self.key}/usage", {"patchOperations": patch})
            self.allowed += EXTENSION
            self.total["extended"] += 1


if __name__ == "__main__":
    sys.exit(not run(sys.argv[1:]))
