"""Answers with the event that it got."""

import json
import pathlib


def handler(event, context):
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(event)}


def notes(event, context):
    """Of a non-proxy integration: leaves a file where it is told to, so that somebody can see that it ran."""
    pathlib.Path(event["file"]).write_text(context.aws_request_id)
    return {"noted": event["file"]}


class NoSuchPet(Exception):
    pass


def picky(event, context):
    """Of a non-proxy integration: returns what it got, or raises what selection patterns look for."""
    if event.get("fail"):
        raise NoSuchPet(f"[NotFound] {event['fail']}")
    return event
