"""What plain functions in Python, Node and Rust are invoked with, and what becomes of what they answer."""

import re

EVENT = {
    "resource": "/python/{proxy+}",
    "path": "/python/a%20b/c",
    "httpMethod": "PUT",
    "queryStringParameters": {"q": "2 3", "e": ""},
    "multiValueQueryStringParameters": {"q": ["1", "2 3"], "e": [""]},
    "pathParameters": {"proxy": "a%20b/c"},
    "stageVariables": {"tier": "gold"},
    "body": '{"pet": "Ünal"}',
    "isBase64Encoded": False,
}


def request(gateway, prefix):
    headers = [("Content-Type", "application/json"), ("X-List", "1"), ("x-list", "2"), ("User-Agent", "tests")]
    return gateway.call("PUT", f"/{prefix}/a%20b/c?q=1&q=2+3&e", headers, EVENT["body"].encode())


def test_python_gets_the_whole_event(gateway):
    answer = request(gateway, "python")
    assert (answer.status, answer.header("content-type")) == (200, ["application/json"])
    event = answer.json()
    assert {name: event[name] for name in EVENT} == EVENT
    assert set(event) == {*EVENT, "headers", "multiValueHeaders", "requestContext"}
    trace = event["headers"]["X-Amzn-Trace-Id"]
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", trace)
    headers = {
        "Host": f"127.0.0.1:{gateway.port}",
        "Content-Type": "application/json",
        "X-List": "2",
        "User-Agent": "tests",
        "X-Amzn-Trace-Id": trace,
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Port": str(gateway.port),
        "X-Forwarded-Proto": "http",
    }
    assert event["headers"] == headers
    assert event["multiValueHeaders"] == {name: [value] for name, value in headers.items()} | {"X-List": ["1", "2"]}
    context = event["requestContext"]
    expected = {
        "resourcePath": "/python/{proxy+}",
        "httpMethod": "PUT",
        "path": "/default/python/a%20b/c",
        "protocol": "HTTP/1.1",
        "stage": "default",
    }
    assert {name: context[name] for name in expected} == expected
    assert context["requestId"] == answer.header("x-amzn-RequestId")[0]
    assert (context["identity"]["sourceIp"], context["identity"]["userAgent"]) == ("127.0.0.1", "tests")


def test_python_gets_nulls_where_there_is_nothing(gateway):
    event = gateway.get("/python/x").json()
    absent = ["queryStringParameters", "multiValueQueryStringParameters", "body"]
    assert [event[name] for name in absent] == [None, None, None]


def test_binary_bodies_are_base64(gateway):
    headers = {"Content-Type": "application/octet-stream"}
    event = gateway.call("POST", "/python/x", headers, b"\xff\x00\xfe").json()
    assert (event["body"], event["isBase64Encoded"]) == ("/wD+", True)


def test_node(gateway):
    answer = gateway.call("POST", "/node/a%2Fb?x=1&x=2", {"X-Amzn-Trace-Id": "Root=1-2-3"}, b"text")
    assert (answer.status, answer.header("set-cookie")) == (201, ["a=1", "b=2"])
    seen = answer.json()
    assert re.fullmatch(r"[0-9a-f-]{36}", seen.pop("id"))
    expected = {"path": "/node/a%2Fb", "query": {"x": ["1", "2"]}, "body": "text", "function": "plain-node"}
    assert seen == expected | {"trace": "Root=1-2-3"}


def test_rust_by_lambda_http(gateway):
    headers = [("X-List", "1"), ("X-List", "2"), ("Content-Type", "text/plain")]
    answer = gateway.call("PUT", "/typed/a%20b?q=1&q=2+3", headers, b"hello")
    assert (answer.status, answer.header("set-cookie")) == (203, ["a=1", "b=2"])
    assert answer.json() == {
        "method": "PUT",
        "path": "/typed/a%20b",
        "proxy": "a%20b",
        "query": ["1", "2 3"],
        # lambda_http prefers the single map, which has the last value.
        "header": ["2"],
        "tier": "gold",
        "body": "hello",
    }
    headers = {"Content-Type": "application/octet-stream", "Accept": "application/octet-stream"}
    assert gateway.call("POST", "/typed/x", headers, b"\x00\x01\xff").body == b"\xff\x01\x00"


def test_what_the_rust_type_reads_is_what_python_got(gateway):
    typed, event = request(gateway, "typed-event").json(), request(gateway, "python").json()
    for name in ["path", "resource", "requestContext"]:
        event[name] = text_replaced(event[name], "python", "typed-event")
    # The type has no place for these.
    for name in ["extendedRequestId", "deploymentId"]:
        event["requestContext"].pop(name, None)
    # These are another request's.
    for one in (typed, event):
        for name in ["requestId", "requestTime", "requestTimeEpoch", "resourceId"]:
            assert one["requestContext"].pop(name)
        # The type writes names in lower case.
        for name in ["headers", "multiValueHeaders"]:
            one[name] = {key.lower(): value for key, value in one[name].items() if key != "X-Amzn-Trace-Id"}
            one[name].pop("x-amzn-trace-id", None)
    assert without_nulls(typed) == without_nulls(event)


def text_replaced(value, old, new):
    if isinstance(value, dict):
        return {name: text_replaced(member, old, new) for name, member in value.items()}
    return value.replace(old, new) if isinstance(value, str) else value


def without_nulls(value):
    """The type has members that are null where the event has none."""
    if not isinstance(value, dict):
        return value
    return {name: without_nulls(member) for name, member in value.items() if member is not None}
