"""How many management calls a second the gateway takes: a tool by hand, no test.

    load.py [SECONDS] [CONNECTIONS]

Each connection has an API of its own and sends its next call when the last is answered. The mix is a deployment tool's:
`mix.py`. The requests are made beforehand, so that the client is not what is measured; with more than one connection,
each is a process. TOLLGATE_BINARY names the binary, which should be a release build.
"""

import multiprocessing
import statistics
import sys
import time

from gateway import Gateway
from mix import turn
from wire import Wire

SECONDS = 5
CONNECTIONS = 4


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
    requests = [(name, wire.request(*call)) for name, *call in turn(wire)]
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


if __name__ == "__main__":
    main(sys.argv[1:])
