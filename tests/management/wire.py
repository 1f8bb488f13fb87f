"""The management API without an SDK: requests over one kept connection, for where the client must not be the slow part.

The gateway takes any signature over loopback when it has no keys of its own, so one is written here once and for all.
"""

import json
import socket

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20250101/us-east-1/apigateway/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64
)


class Wire:
    """A connection to `http://127.0.0.1:PORT`. Whatever goes wrong with it is an OSError."""

    def __init__(self, url):
        self.host = url.removeprefix("http://")
        name, port = self.host.split(":")
        self.socket = socket.create_connection((name, int(port)), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def call(self, method, path, body=None):
        """The status, and the JSON of the answer."""
        status, content = self.exchange(self.request(method, path, body))
        return status, json.loads(content) if content else None

    def request(self, method, path, body=None):
        """The bytes of a request, which can be sent many times. A body of bytes, such as a file, goes as it is."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        date, authorization = self.signature(method, path, content)
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nAccept: application/json\r\n"
            f"Authorization: {authorization}\r\nX-Amz-Date: {date}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content

    def signature(self, method, path, content):
        """`X-Amz-Date` and `Authorization`."""
        return "20250101T000000Z", AUTHORIZATION

    def exchange(self, request):
        """The status and the body."""
        self.socket.sendall(request)
        head = self.read_until(b"\r\n\r\n")
        status = int(head[9:12])
        lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        return status, self.read(int(lengths[0])) if lengths else b""

    def read_until(self, end):
        while (at := self.received.find(end)) < 0:
            self.receive()
        head, self.received = self.received[:at], self.received[at + len(end) :]
        return head

    def read(self, length):
        while len(self.received) < length:
            self.receive()
        body, self.received = self.received[:length], self.received[length:]
        return body

    def receive(self):
        more = self.socket.recv(65536)
        if not more:
            raise ConnectionError("the gateway has closed the connection")
        self.received += more

    def close(self):
        self.socket.close()
