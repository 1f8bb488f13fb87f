"""What a deployment tool asks of the management API: reads, and writes of all sizes, which all change something."""

import json

# A row a call: how often it comes in the mix, the method, the path below the API, and the body. `{number}` counts.
MIX = [
    (4, "GET", "", None),
    (2, "GET", "/resources?limit=25", None),
    (2, "GET", "/stages/live", None),
    (2, "PATCH", "", {"patchOperations": [{"op": "replace", "path": "/description", "value": "{number}"}]}),
    (2, "PATCH", "/stages/live", {"patchOperations": [{"op": "replace", "path": "/variables/a", "value": "{number}"}]}),
    (
        2,
        "PUT",
        "{method}/integration",
        {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode":20{number}}'}},
    ),
    (1, "POST", "/models", {"name": "M{number}", "contentType": "application/json", "schema": '{"type":"object"}'}),
    (1, "DELETE", "/models/M{number}", None),
]


def turn(wire):
    """The calls of one turn, about an API that is made and deployed here: name, method, path and body of each."""
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
    calls = []
    for often, verb, below, body in MIX:
        name = f"{verb} {below.split('?')[0].format(method='/…', number='…') or '/'}"
        for number in range(often):
            filled = body and json.loads(json.dumps(body).replace("{number}", str(number)))
            calls.append((name, verb, path + below.format(method=method, number=number), filled))
    return calls
