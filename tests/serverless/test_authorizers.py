"""Authorizers that are functions in Python and Rust, before a function that says what it was told of the caller."""

import json

import pytest


def told(answer):
    """What the function behind was told."""
    assert answer.status == 200, answer
    authorizer = answer.json()["requestContext"]["authorizer"]
    assert isinstance(authorizer.pop("integrationLatency"), int)
    return authorizer


def message(answer):
    return answer.status, answer.json()["message"]


UNAUTHORIZED = (401, "Unauthorized")
DENIED = (403, "User is not authorized to access this resource")


def test_a_token(gateway):
    def call(method, token, path="/token/a"):
        return gateway.call(method, path, {"Authorization": token} if token else {})

    # Asked, and from what is kept.
    for _ in range(2):
        ann = {"principalId": "ann", "asked": "token", "level": "7", "admin": "true"}
        assert told(call("GET", "Bearer ann")) == ann
        assert told(call("DELETE", "Bearer ann", "/token/b/c")) == ann
        bob = ann | {"principalId": "bob", "admin": "false"}
        assert told(call("GET", "Bearer bob")) == bob
        assert message(call("POST", "Bearer bob")) == DENIED
    for token in ["Bearer eve", "Bearer 7", "Basic ann", None]:
        assert message(call("GET", token)) == UNAUTHORIZED


def test_a_request(gateway):
    def call(method, name, query, part="x"):
        return gateway.call(method, f"/request/{part}{query}", {"X-Name": name} if name else {})

    for _ in range(2):
        assert told(call("GET", "bob", "?pass=sesame")) == {
            "principalId": "bob",
            "asked": "request",
            "path": "/request/x",
            "part": "x",
            "stage": "default",
            "address": "127.0.0.1",
        }
        assert message(call("PUT", "bob", "?pass=sesame")) == DENIED
    assert told(call("PUT", "ann", "?pass=sesame"))["principalId"] == "ann"
    unknown = [("bob", ""), ("bob", "?pass="), ("bob", "?pass=no"), (None, "?pass=sesame"), ("eve", "?pass=sesame")]
    for name, query in unknown:
        assert message(call("GET", name, query)) == UNAUTHORIZED


FAULTS = {
    "raises": "AuthorizerFailureException",
    "ends": "AuthorizerFailureException",
    "hangs": "AuthorizerFailureException",
    "nonsense": "AuthorizerConfigurationException",
    "nobody": "AuthorizerConfigurationException",
    "nested": "AuthorizerConfigurationException",
    "huge": None,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_authorizer_that_fails_opens_nothing(gateway, fault):
    # What has failed is not kept: it fails again. What is kept of others is not touched by it.
    for _ in range(2):
        refused = gateway.get("/faulty", {"Authorization": fault})
        assert message(refused) == (500, None)
        assert FAULTS[fault] in [None, *refused.header("x-amzn-ErrorType")]
        assert told(gateway.get("/faulty", {"Authorization": "well"}))["principalId"] == "ann"


def test_rust_reads_both_events(gateway):
    assert told(gateway.get("/typed-token", {"Authorization": "t/1="}))["token"] == "t/1="
    answer = told(gateway.get("/typed-request/p?q=1&q=2", [("X-Name", "ann"), ("X-A", "1"), ("X-A", "2")]))
    event = json.loads(answer["event"])
    expected = {
        "methodArn": event["methodArn"],
        "resource": "/typed-request/{part}",
        "path": "/typed-request/p",
        "httpMethod": "GET",
        "multiValueQueryStringParameters": {"q": ["1", "2"]},
        "pathParameters": {"part": "p"},
        "stageVariables": {"tier": "gold"},
    }
    assert {name: event[name] for name in expected} == expected
    assert event["methodArn"].endswith("/default/GET/typed-request/p")
    assert (event["headers"]["x-name"], event["multiValueHeaders"]["x-a"]) == ("ann", ["1", "2"])
    context = event["requestContext"]
    assert (context["stage"], context["resourcePath"]) == ("default", "/typed-request/{part}")
    assert context["identity"]["sourceIp"] == "127.0.0.1"
