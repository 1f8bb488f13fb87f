"""Authorizers that know two callers: Ann may do everything, Bob may read. And one that fails as it is told to."""

import os
import time

CALLERS = {"ann": "*", "bob": "GET"}


def token(event, context):
    assert event["type"] == "TOKEN" and set(event) == {"type", "methodArn", "authorizationToken"}, event
    kind, _, name = event["authorizationToken"].partition(" ")
    if kind != "Bearer" or name not in CALLERS:
        raise Exception("Unauthorized")
    return answer(name, event["methodArn"], {"asked": "token", "level": 7, "admin": name == "ann"})


def request(event, context):
    assert event["type"] == "REQUEST" and "body" not in event, event
    name = event["headers"].get("X-Name")
    if event["queryStringParameters"]["pass"] != "sesame" or name not in CALLERS:
        raise Exception("Unauthorized")
    said = {
        "asked": "request",
        "path": event["path"],
        "part": event["pathParameters"]["part"],
        "stage": event["requestContext"]["stage"],
        "address": event["requestContext"]["identity"]["sourceIp"],
    }
    return answer(name, event["methodArn"], said)


def faulty(event, context):
    match event["authorizationToken"]:
        case "raises":
            raise ValueError("no such caller")
        case "ends":
            os._exit(7)
        case "hangs":
            time.sleep(600)
        case "nonsense":
            return "Allow"
        case "nobody":
            return answer("ann", event["methodArn"], {}) | {"principalId": None}
        case "nested":
            return answer("ann", event["methodArn"], {"roles": ["admin"]})
        case "huge":
            return answer("ann", event["methodArn"], {"text": "x" * (5 << 20)})
    return answer("ann", event["methodArn"], {})


def answer(name, arn, context):
    stage = "/".join(arn.split("/")[:2])
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{stage}/{CALLERS[name]}/*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": name, "policyDocument": policy, "context": context}
