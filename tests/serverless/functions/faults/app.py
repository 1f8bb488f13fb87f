"""Does what no function should, and as often as it is asked to."""

import os
import signal
import socket
import subprocess
import sys
import time

WELL = {"statusCode": 200, "body": "well"}


def handler(event, context):
    kind = event["pathParameters"]["kind"]
    print("asked for", kind)
    return KINDS[kind](context)


def well(context):
    return WELL


def garbage(context):
    """What a function prints is its log, whatever it looks like."""
    sys.stdout.buffer.write(b"\0\xff\x1b[2J HTTP/1.1 200 OK\r\n\r\n" + bytes(range(256)) * 64 + b"x" * (200 << 10))
    sys.stdout.flush()
    return WELL


def huge(context):
    return {"statusCode": 200, "body": "x" * (50 << 20)}


def forks(context):
    """Leaves a child behind, which holds all that it has inherited."""
    subprocess.Popen(["sleep", "600"])
    if os.fork() == 0:
        time.sleep(600)
    return WELL


def hangs(context):
    time.sleep(600)


def ends(context):
    os._exit(7)


def half(context):
    """Dies in the middle of its answer."""
    host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
    path = f"/2018-06-01/runtime/invocation/{context.aws_request_id}/response"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n".encode())
        connection.sendall(b'{"statusCode": 200, "body": ')
        os._exit(9)


def killed(context):
    os.kill(os.getpid(), signal.SIGKILL)


def eats(context):
    return {"statusCode": 200, "body": str(len(bytearray(2 << 30)))}


def raises(context):
    raise ValueError("no such pet")


def recurses(context):
    return recurses(context)


def malformed(context):
    return {"statusCode": "many"}


def text(context):
    return "well"


def unknown_member(context):
    return WELL | {"bodie": "x"}


def no_json(context):
    return {"statusCode": 200, "body": {1, 2}}


KINDS = {
    function.__name__: function
    for function in [
        well,
        garbage,
        huge,
        forks,
        hangs,
        ends,
        half,
        killed,
        eats,
        raises,
        recurses,
        malformed,
        text,
        unknown_member,
        no_json,
    ]
}
