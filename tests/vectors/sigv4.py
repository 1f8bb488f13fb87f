#!/usr/bin/env python3
"""Writes requests as botocore signs them to tests/vectors/sigv4.json: tests/vectors/sigv4.py

An oracle beside AWS's own vectors: other services, S3 and its unsigned bodies, session tokens, presigned URLs, and paths and
queries that clients do send. What it writes is kept in the repository, so that the tests need no Python; botocore is that of
tests/requirements.txt.
"""

import datetime
import json
import os
import unittest.mock

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

AT = datetime.datetime(2015, 8, 30, 12, 36, 0)
PLAIN = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
TEMPORARY = Credentials("ASIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzEJr//////////wEaDtoken==")
HOST = "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
FUNCTION = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af/invocations"
JSON = {"Content-Type": "application/json"}

# name, service, credentials, method, URL, header fields, body
HEADERS = [
    ("get", "execute-api", PLAIN, "GET", HOST + "/prod/pets", {}, b""),
    ("post", "execute-api", PLAIN, "POST", HOST + "/prod/pets", JSON, b'{"name":"Rex"}'),
    ("token", "execute-api", TEMPORARY, "POST", HOST + "/prod/pets", JSON, b'{"name":"Rex"}'),
    ("query", "execute-api", PLAIN, "GET", HOST + "/prod/pets?b=2&a=%20x&a=%2F&c&B=", {}, b""),
    ("encoded path", "execute-api", PLAIN, "GET", HOST + "/prod/a%20b/%C3%A9/c%2Fd", {}, b""),
    ("odd path", "execute-api", PLAIN, "GET", HOST + "/prod//a/./b/../c/", {}, b""),
    ("fields", "execute-api", PLAIN, "GET", HOST + "/", {"X-Amz-Meta": "  a   b ", "X-B": "1,2"}, b""),
    ("dynamodb", "dynamodb", PLAIN, "POST", "https://dynamodb.us-east-1.amazonaws.com/",
     {"X-Amz-Target": "DynamoDB_20120810.PutItem", "Content-Type": "application/x-amz-json-1.0"}, b"{}"),
    ("sqs form", "sqs", TEMPORARY, "POST", "https://sqs.us-east-1.amazonaws.com/",
     {"Content-Type": "application/x-www-form-urlencoded"}, b"Action=ListQueues&Version=2012-11-05"),
    ("lambda", "lambda", PLAIN, "POST", "https://lambda.us-east-1.amazonaws.com" + FUNCTION,
     {"X-Amz-Invocation-Type": "Event"}, b"{}"),
]  # fmt: skip
S3 = [
    ("s3 get", "s3", PLAIN, "GET", "https://s3.us-east-1.amazonaws.com/bucket/a//b%20c/../d", {}, b""),
    ("s3 put", "s3", TEMPORARY, "PUT", "https://bucket.s3.us-east-1.amazonaws.com/%C3%A9?x-id=PutObject", {}, b"body"),
]
PRESIGNED = [
    ("presigned", "execute-api", PLAIN, "GET", HOST + "/prod/pets?b=2&a=1", {}, b""),
    ("presigned token", "execute-api", TEMPORARY, "GET", HOST + "/prod/pets", {}, b""),
]


def main():
    rows = [signed(botocore.auth.SigV4Auth, case) for case in HEADERS]
    rows += [signed(botocore.auth.S3SigV4Auth, case) for case in S3]
    rows += [signed(botocore.auth.SigV4QueryAuth, case) for case in PRESIGNED]
    target = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sigv4.json")
    with open(target, "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=1)
        file.write("\n")


def signed(auth, case):
    name, service, credentials, method, url, fields, body = case
    region = "eu-central-1" if service == "execute-api" else "us-east-1"
    request = AWSRequest(method=method, url=url, headers={"Host": url.split("/")[2], **fields}, data=body)
    before = dict(request.headers.items())
    with unittest.mock.patch.object(botocore.auth, "get_current_datetime", lambda *_, **__: AT):
        auth(credentials, service, region).add_auth(request)
    return {
        "name": name,
        "service": service,
        "region": region,
        "access_key_id": credentials.access_key,
        "secret_access_key": credentials.secret_key,
        "session_token": credentials.token,
        "method": method,
        "target": "/" + url.split("/", 3)[3],
        "headers": list(before.items()),
        "body": body.decode(),
        "signed_target": "/" + request.url.split("/", 3)[3],
        "signed_headers": list(request.headers.items()),
    }


if __name__ == "__main__":
    main()
