"""A reverse proxy in front of two AWS stand-ins: what is signed for API Gateway goes to Tollgate, the rest to moto.

moto's tests run against one endpoint, and some need further services (Cognito, DynamoDB, Lambda). The service is what
the signature's credential scope names, in the header or in the query. `POST /moto-api/reset`, which each test sends
before and after, empties both. `GET /splitter/seen` tells which services were asked since the last time, which is how
the caller knows whether a test has reached the gateway.
"""

import http.client
import http.server
import json
import re
import threading

TOLLGATE, MOTO = "tollgate", "moto"
CREDENTIAL = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
CREDENTIAL_IN_QUERY = re.compile(r"X-Amz-Credential=[^&]+?%2F\d+%2F[^&]+?%2F([^&]+?)%2Faws4_request", re.IGNORECASE)
# Each connection has its own; they are not passed on.
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}


class Splitter:
    """Listens on a port of its own; `tollgate` and `moto` are `127.0.0.1:PORT`, `reset` is Tollgate's path for that."""

    def __init__(self, tollgate, moto, reset):
        self.upstreams = {TOLLGATE: tollgate, MOTO: moto}
        self.reset = reset
        self.seen = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.splitter = self
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def take_seen(self):
        seen, self.seen = self.seen, []
        return sorted(set(seen))


class Handler(http.server.BaseHTTPRequestHandler):
    """One client connection, and one connection to each upstream."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.connections = {}

    def finish(self):
        for connection in self.connections.values():
            connection.close()
        super().finish()

    def handle_request(self):
        splitter = self.server.splitter
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/splitter/seen":
            return self.answer(200, [("Content-Type", "application/json")], json.dumps(splitter.take_seen()).encode())
        if self.path == "/moto-api/reset":
            self.forward(TOLLGATE, "POST", splitter.reset, {}, b"")
            return self.answer(*self.forward(MOTO, "POST", self.path, {}, b""))
        service = signed_for(self.headers.get("Authorization", ""), self.path)
        splitter.seen.append(service)
        upstream = TOLLGATE if service == "apigateway" and not self.path.startswith("/v2/") else MOTO
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        self.answer(*self.forward(upstream, self.command, self.path, headers, body))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = handle_request

    def forward(self, upstream, method, path, headers, body):
        """Status, headers and body of the answer. An idle connection that the upstream has closed is made anew."""
        for fresh in (False, True):
            connection = self.connections.get(upstream)
            if connection is None or fresh:
                connection = http.client.HTTPConnection(self.server.splitter.upstreams[upstream], timeout=60)
                self.connections[upstream] = connection
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                return response.status, response.getheaders(), response.read()
            except (ConnectionError, http.client.HTTPException):
                connection.close()
                if fresh:
                    raise

    def answer(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        """The two behind it have logs."""


def signed_for(authorization, path):
    """The service in the credential scope: `AKID/20250101/us-east-1/apigateway/aws4_request`. "" without one."""
    found = CREDENTIAL.search(authorization) or CREDENTIAL_IN_QUERY.search(path)
    return found.group(1) if found else ""
