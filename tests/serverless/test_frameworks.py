"""Applications that were not written for Lambda: Starlette by mangum, Express by serverless-http."""

import pytest

OCTETS = "application/octet-stream"


def test_starlette_sees_the_request(gateway):
    headers = [("Cookie", "a=1; b=2"), ("X-List", "1"), ("X-List", "2"), ("Content-Type", "text/plain")]
    answer = gateway.call("PUT", "/asgi/seen?tag=x&tag=y%26z&empty=", headers, "grüß".encode())
    assert answer.status == 200
    assert answer.json() == {
        "method": "PUT",
        "path": "/seen",
        "query": [["tag", "x"], ["tag", "y&z"], ["empty", ""]],
        "cookies": {"a": "1", "b": "2"},
        "scheme": "http",
        "host": f"127.0.0.1:{gateway.port}",
        "client": "127.0.0.1",
        "header": "1, 2",
        "text": "grüß",
        "item": None,
        "stage": "default",
    }


def test_starlette_has_routes(gateway):
    assert gateway.get("/asgi/items/7").json()["item"] == "7"
    missing = gateway.get("/asgi/missing")
    assert (missing.status, missing.body) == (404, b"Not Found")
    refused = gateway.call("PATCH", "/asgi/seen")
    assert refused.status == 405 and sorted(refused.header("allow")[0].split(", ")) == ["GET", "HEAD", "PUT"]
    assert gateway.call("HEAD", "/asgi/seen").body == b""


def test_starlette_answers_in_every_way(gateway):
    form = gateway.call("POST", "/asgi/form", {}, b"")
    assert (form.status, form.body) == (201, b"signed in")
    assert form.header("set-cookie") == [
        "session=s1; HttpOnly; Path=/; SameSite=lax",
        "theme=dark; Path=/; SameSite=lax",
    ]
    moved = gateway.get("/asgi/moved")
    assert (moved.status, moved.header("location")) == (302, [f"http://127.0.0.1:{gateway.port}/seen"])
    assert gateway.get("/asgi/parts").body == b"part 0\npart 1\npart 2\n"
    nothing = gateway.call("DELETE", "/asgi/nothing")
    assert (nothing.status, nothing.body) == (204, b"")
    failed = gateway.get("/asgi/fails")
    assert (failed.status, failed.body) == (500, b"Internal Server Error")


@pytest.mark.parametrize("application", ["asgi", "express"])
def test_binary_bodies_go_both_ways(gateway, application):
    body = bytes(range(256)) * 40
    answer = gateway.call("POST", f"/{application}/turned", {"Content-Type": OCTETS, "Accept": OCTETS}, body)
    assert (answer.status, answer.body) == (200, body[::-1])
    assert answer.header("content-type")[0].startswith(OCTETS)


def test_express_sees_the_request(gateway):
    headers = [("Cookie", "a=1; b=2"), ("X-List", "1"), ("X-List", "2")]
    answer = gateway.get("/express/seen?tag=x&tag=y%26z&deep[a]=1&empty=", headers)
    assert answer.status == 200
    assert answer.json() == {
        "method": "GET",
        "path": "/seen",
        "query": {"tag": ["x", "y&z"], "deep": {"a": "1"}, "empty": ""},
        "ip": "127.0.0.1",
        "stage": "default",
        "cookies": "a=1; b=2",
        # serverless-http prefers the single map, which has the last value.
        "list": "2",
    }


def test_express_has_routes(gateway):
    assert gateway.get("/express/items/a%20b").json() == {"item": "a b"}
    missing = gateway.get("/express/missing")
    assert missing.status == 404 and b"Cannot GET /missing" in missing.body
    assert gateway.get("/express/seen", {"If-None-Match": gateway.get("/express/seen").header("etag")[0]}).status == 304


def test_express_answers_in_every_way(gateway):
    made = gateway.call("POST", "/express/json", {"Content-Type": "application/json"}, '{"pet": ["Ünal"]}'.encode())
    assert (made.status, made.json()) == (201, {"got": {"pet": ["Ünal"]}})
    form = gateway.call("POST", "/express/form", {"Content-Type": "application/x-www-form-urlencoded"}, b"a=1&a=2&b=")
    assert form.json() == {"a": ["1", "2"], "b": ""}
    assert form.header("set-cookie") == ["session=s1; Path=/; HttpOnly", "theme=dark; Path=/"]
    moved = gateway.get("/express/moved")
    assert (moved.status, moved.header("location")) == (302, ["/default/express/seen"])
    nothing = gateway.call("DELETE", "/express/nothing")
    assert (nothing.status, nothing.body) == (204, b"")
    failed = gateway.get("/express/fails")
    assert failed.status == 500 and b"nobody catches this" in failed.body
    bad = gateway.call("POST", "/express/json", {"Content-Type": "application/json"}, b"{")
    assert bad.status == 400


def test_large_bodies_pass_and_larger_ones_are_refused(gateway):
    headers = {"Content-Type": OCTETS, "Accept": OCTETS}
    body = bytes(range(256)) * (16 << 10)
    answer = gateway.call("POST", "/asgi/turned", headers, body)
    assert (answer.status, answer.body == body[::-1]) == (200, True)
    # As base64 it is more than the 6 MB that a function may be invoked with.
    refused = gateway.call("POST", "/asgi/turned", headers, body + body[: 1 << 20])
    assert (refused.status, refused.json()) == (413, {"message": "Request Too Long"})
