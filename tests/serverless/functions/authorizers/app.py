"""Authorizers that know two callers: Ann may do everything, Bob may read."""

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


def answer(name, arn, context):
    stage = "/".join(arn.split("/")[:2])
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{stage}/{CALLERS[name]}/*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": name, "policyDocument": policy, "context": context}
