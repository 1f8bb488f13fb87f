"""Says hello: to whoever invokes it, and to who comes through an API (a proxy integration's event)."""

import json
import os


def handler(event, context):
    query = event.get("queryStringParameters") or {}
    name = query.get("name") or event.get("name") or "stranger"
    print("greeting", name)
    greeting = f"{os.environ.get('GREETING', 'Hello')}, {name}!"
    if "httpMethod" not in event:
        return {"greeting": greeting}
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"greeting": greeting}),
    }
