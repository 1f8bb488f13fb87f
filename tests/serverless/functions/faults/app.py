"""Does what no function should, and as often as it is asked to."""

import os
import signal
import subprocess
import sys
import time

WELL = {"statusCode": 200, "body": "well"}


def handler(event, context):
    kind = event["pathParameters"]["kind"]
    print("asked for", kind)
    return KINDS[kind]()


def well():
    return WELL


def garbage():
    """What a function prints is its log, whatever it looks like."""
    sys.stdout.buffer.write(b"\0\xff\x1b[2J HTTP/1.1 200 OK\r\n\r\n" + bytes(range(256)) * 64 + b"x" * (200 << 10))
    sys.stdout.flush()
    return WELL


def huge():
    return {"statusCode": 200, "body": "x" * (50 << 20)}


def forks():
    """Leaves a child behind, which holds all that it has inherited."""
    subprocess.Popen(["sleep", "600"])
    if os.fork() == 0:
        time.sleep(600)
    return WELL


def hangs():
    time.sleep(600)


def ends():
    os._exit(7)


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def eats():
    return {"statusCode": 200, "body": str(len(bytearray(2 << 30)))}


def raises():
    raise ValueError("no such pet")


def recurses():
    return recurses()


def malformed():
    return {"statusCode": "many"}


def text():
    return "well"


def unknown_member():
    return WELL | {"bodie": "x"}


def no_json():
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
