"""How many management calls a second the gateway takes: a tool by hand, no test.

    load.py [SECONDS] [CONNECTIONS]

Each connection has an API of its own and sends its next call when the last is answered. The mix is a deployment tool's:
reads, and writes of all sizes. The requests are made beforehand, so that the client is not what is measured; with more
than one connection, each is a process. TOLLGATE_BINARY names the binary, which should be a release build.
"""

import multiprocessing
import statistics
import sys
import time

from gateway import Gateway
from wire import Wire

SECONDS = 5
CONNECTIONS = 4
# A row a call: how often it comes in the mix, the method, the path below the API, and the body.
MIX = [
    (4, "GET", "", None),
    (2, "GET", "/resources?limit=25", None),
    (2, "GET", "/stages/live", None),
    (2, "PATCH", "", {"patchOperations": [{"op": "replace", "path": "/description", "value": "changed"}]}),
    (2, "PATCH", "/stages/live", {"patchOperations": [{"op": "replace", "path": "/variables/a", "value": "b"}]}),
    (
        2,
        "PUT",
        "{method}/integration",
        {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode":200}'}},
    ),
    (1, "POST", "/models", {"name": "M{number}", "contentType": "application/json", "schema": '{"type":"object"}'}),
    (1, "DELETE", "/models/M{number}", None),
]


def main(arguments):
    seconds = float(arguments[0]) if arguments else SECONDS
    connections = int(arguments[1]) if len(arguments) > 1 else CONNECTIONS
    with Gateway("load") as gateway, multiprocessing.Pool(connections) as pool:
        results = pool.starmap(load, [(gateway.admin, seconds)] * connections)
    by_name = {}
    for result in results:
        for name, latencies in result.items():
            by_name.setdefault(name, []).extend(latencies)
    every = [latency for latencies in by_name.values() for latency in latencies]
    for name, latencies in [*by_name.items(), ("all", every)]:
        print(f"{name:32} {len(latencies) / seconds:8.0f}/s   {in_milliseconds(latencies)}")


def in_milliseconds(latencies):
    percentiles = statistics.quantiles(latencies, n=100) if len(latencies) > 1 else latencies * 99
    return "   ".join(f"p{at} {percentiles[at - 1] * 1000:.2f} ms" for at in (50, 90, 99))


def load(url, seconds):
    """The latencies in seconds by the call's name."""
    wire = Wire(url)
    requests = prepared(wire)
    latencies = {name: [] for name, _ in requests}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, request in requests:
            before = time.perf_counter()
            status, answer = wire.exchange(request)
            latencies[name].append(time.perf_counter() - before)
            if status >= 400:
                raise RuntimeError(f"{name}: {status} {answer}")
    wire.close()
    return latencies


def prepared(wire):
    """The calls of one turn, about an API that is made and deployed here."""
    _, api = wire.call("POST", "/restapis", {"name": "load"})
    path = f"/restapis/{api['id']}"
    method = f"/resources/{api['rootResourceId']}/methods/GET"
    for below, body in [
        ("", {"authorizationType": "NONE"}),
        ("/responses/200", {}),
        ("/integration", {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}}),
        ("/integration/responses/200", {}),
    ]:
        wire.call("PUT", path + method + below, body)
    wire.call("POST", f"{path}/deployments", {"stageName": "live"})
    requests = []
    for often, verb, below, body in MIX:
        for number in range(often):
            name = f"{verb} {below.split('?')[0].format(method='/…', number='…') or '/'}"
            filled = {**body, "name": f"M{number}"} if body and "name" in body else body
            requests.append((name, wire.request(verb, path + below.format(method=method, number=number), filled)))
    return requests


if __name__ == "__main__":
    main(sys.argv[1:])
