"""All 124 operations, from botocore's service model: input made from the shapes, answers held to them.

Each kind of AWS resource (kinds.py) is created as fully and as sparsely as it can be, got, listed, paged through,
changed, created again, and deleted; what was given has to come back. The other operations are in `SINGLES`. Then every
operation is asked about what does not exist, and given what is not right. calls.py checks every answer on the way.

A problem is of one operation, and the summary counts operations; all are in target/management/model.json.
"""

import datetime
import json
import sys

import world
from calls import Calls, attempt
from differences import judge
from gateway import Gateway
from kinds import BAD, KINDS
from places import LEFTOVERS
from shapes import example

PERCENT_MIN = 100
NOT_FOUND = "NotFoundException"
REPORT = LEFTOVERS / "model.json"
TODAY = datetime.date.today().isoformat()
OPENAPI = {"openapi": "3.0.1", "info": {"title": "imported", "version": "1"}, "paths": {}}
PART = {"location": {"type": "METHOD", "path": "/", "method": "GET"}, "properties": {"x": 1}}
PARTS = {**OPENAPI, "x-amazon-apigateway-documentation": {"version": "1", "documentationParts": [PART]}}
# "The GatewayResponses collection does not support pagination and the limit does not apply here." (Service model.)
UNPAGED = {"GetGatewayResponses"}
# AWS answers these with BadRequestException where there is no such API, as LocalStack's provider has it too.
BAD_WHERE_ABSENT = {("CreateRequestValidator", "restApiId")}


def run(names=()):
    """Whether all is well. `names` are operations, of which the problems are printed whatever is listed."""
    with Gateway("model") as gateway:
        calls = Calls(gateway)
        for kind in KINDS:
            gateway.reset()
            attempt(Life(calls, kind).walk)
        gateway.reset()
        others(calls, world.everything(calls))
    operations = calls.model.operation_names
    for operation in operations:
        if not calls.counts[operation]:
            calls.note(operation, "was never called")
    REPORT.write_text(json.dumps({name: [calls.counts[name], calls.problems[name]] for name in operations}, indent=1))
    outcomes = {name: in_short(calls.problems[name]) for name in operations}
    if names:
        print("\n".join(f"{name}: {problem}" for name in names for problem in calls.problems[name] or ["is well"]))
        return not any(outcomes[name] for name in names)
    print(f"model: {calls.counts.total()} calls")
    return judge("model", "operations", outcomes, "model_differences.toml", PERCENT_MIN)


def in_short(problems):
    shown = "; ".join(problem[:240] for problem in problems[:3])
    return f"{shown}; and {len(problems) - 3} more" if len(problems) > 3 else shown or None


class Life:
    """One kind, from its creation to its end."""

    def __init__(self, calls, kind):
        self.calls = calls
        self.kind = kind
        self.scope = None

    def walk(self):
        self.scope = getattr(world, self.kind.needs)(self.calls)
        attempt(self.refuse_bad)
        sparse_input = {**self.required(), **self.kind.sparse, **self.scope.sparse}
        sparse = self.created(sparse_input)
        self.create_again(sparse_input)
        attempt(self.live_fully)
        self.end(self.ids(sparse, sparse_input))

    def live_fully(self):
        full_input = {**self.everything(), **self.scope.full}
        full = self.created(full_input)
        ids = self.ids(full, full_input)
        self.compare_got(ids, full)
        attempt(self.list_all)
        for change in self.kind.changes:
            attempt(lambda change=change: ids.update(self.changed(ids, *change)))

    def created(self, given):
        answer = self.call(self.kind.creation, given)
        members = self.calls.model.operation_model(self.kind.creation).output_shape.members
        for member, value in given.items():
            name = self.kind.renamed.get(member, member)
            if name in members and member not in self.kind.hidden and not is_within(value, answer.get(name)):
                self.note(self.kind.creation, f"{name} is {answer.get(name)!r:.120}, and {value!r:.120} was given")
        return answer

    def create_again(self, given):
        if self.kind.twice:
            self.calls.refused(self.kind.creation, *self.kind.twice, **self.fitting(self.kind.creation, given))

    def refuse_bad(self):
        given = {**self.required(), **self.kind.sparse, **self.scope.sparse}
        for bad in self.kind.bad:
            wrong = {name: value for name, value in {**given, **bad}.items() if value is not None}
            codes = [BAD, NOT_FOUND] if "absent" in str(bad).lower() else [BAD]
            self.calls.refused(self.kind.creation, *codes, **self.fitting(self.kind.creation, wrong))
        shape = self.calls.model.operation_model(self.kind.creation).input_shape
        for name in shape.required_members:
            if "location" not in shape.members[name].serialization:
                given_less = {other: value for other, value in given.items() if other != name}
                self.calls.refused(self.kind.creation, BAD, **self.fitting(self.kind.creation, given_less, leave=name))

    def compare_got(self, ids, created):
        get = f"Get{self.kind.noun}"
        if self.exists(get):
            got = self.call(get, {**ids, **self.kind.got_with})
            for name in sorted(set(got) | set(created)):
                if got.get(name) != created.get(name) and name not in (*self.kind.volatile, "warnings"):
                    self.note(
                        get, f"{name} is {got.get(name)!r:.120}, and {created.get(name)!r:.120} was answered before"
                    )

    def list_all(self):
        """The sparse and the full one are in the list, and pages of one make up the same list."""
        listing = self.kind.listing
        if not self.exists(listing):
            return
        parameters = self.fitting(listing, {})
        answer = self.call(listing, {})
        # The list of stages alone is called as it is on the wire.
        items = answer.get("items", answer.get("item", []))
        if len(items) < 2:
            self.calls.fail(listing, f"lists {len(items)}, and at least 2 were created")
        method = self.calls.client_method(listing)
        if listing not in UNPAGED and self.calls.client.can_paginate(method):
            pages = list(
                self.calls.client.get_paginator(method).paginate(**parameters, PaginationConfig={"PageSize": 1})
            )
            self.calls.counts[listing] += len(pages)
            if [item for page in pages for item in page.get("items", [])] != items:
                self.note(listing, "has not the same items in pages of one")
            if any(len(page.get("items", [])) > 1 for page in pages):
                self.note(listing, "does not keep the limit")

    def changed(self, ids, op, path, value, member, outcome):
        """The ids afterwards: what names it may have been changed."""
        update = f"Update{self.kind.noun}"
        patch = {"op": op, "path": path} | ({} if value is None else {"value": value})
        answer = self.call(update, {**ids, "patchOperations": [patch]})
        if found(answer, member) != outcome:
            self.note(update, f"{patch} makes {member} {found(answer, member)!r:.120}")
        now = self.ids(answer, ids)
        if self.exists(f"Get{self.kind.noun}"):
            got = self.call(f"Get{self.kind.noun}", now)
            if found(got, member) != outcome:
                self.note(update, f"{patch} is lost: {member} is {found(got, member)!r:.120} later")
        return now

    def end(self, ids):
        delete, get = f"Delete{self.kind.noun}", f"Get{self.kind.noun}"
        self.call(delete, ids)
        if self.kind.has_default:
            self.call(get, ids)
            return
        self.calls.refused(delete, NOT_FOUND, **self.fitting(delete, ids))
        if self.exists(get):
            self.calls.refused(get, NOT_FOUND, **self.fitting(get, ids))

    def ids(self, answer, given):
        return {name: answer.get(member, given.get(name)) for name, member in self.kind.ids.items()}

    def required(self):
        shape = self.calls.model.operation_model(self.kind.creation).input_shape
        return {name: example(shape.members[name], name) for name in shape.required_members} | self.scope.common

    def everything(self):
        shape = self.calls.model.operation_model(self.kind.creation).input_shape
        made = {**example(shape, ""), **self.scope.common, **self.kind.values}
        return {name: value for name, value in made.items() if value is not None}

    def call(self, operation, parameters):
        return self.calls(operation, **self.fitting(operation, parameters))

    def fitting(self, operation, parameters, leave=None):
        """The parameters and those of the surroundings, as far as the operation has them."""
        members = self.calls.model.operation_model(operation).input_shape.members
        every = {**self.scope.common, **parameters}
        return {name: value for name, value in every.items() if name in members and name != leave}

    def exists(self, operation):
        return operation in self.calls.model.operation_names

    def note(self, operation, problem):
        self.calls.note(operation, problem)


def is_within(given, answered):
    """Whether the answer has what was given; it may have more members, as defaults are filled in."""
    if isinstance(given, dict) and isinstance(answered, dict):
        return all(is_within(value, answered.get(name)) for name, value in given.items())
    return given == answered


def found(answer, pointer):
    """The value at `methodSettings/*~1*/loggingLevel`, None if there is none."""
    for step in pointer.split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer


def body(value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


# Operations that are not of the life of a kind: their members besides those that name what they are about, and whether
# the answer is right. In this order, as some leave something for the next.
SINGLES = [
    ("GetAccount", {}, lambda answer: "burstLimit" in answer["throttleSettings"]),
    (
        "UpdateAccount",
        {
            "patchOperations": [
                {"op": "replace", "path": "/cloudwatchRoleArn", "value": "arn:aws:iam::123456789012:role/l"}
            ]
        },
        lambda answer: answer["cloudwatchRoleArn"].endswith("role/l"),
    ),
    ("TestInvokeMethod", {"pathWithQueryString": "/?color=blue"}, lambda answer: answer["status"] == 200),
    ("TestInvokeAuthorizer", {"headers": {"Authorization": "x"}}, lambda answer: "clientStatus" in answer),
    ("FlushStageCache", {}, lambda answer: answer == {}),
    ("FlushStageAuthorizersCache", {}, lambda answer: answer == {}),
    (
        "GetExport",
        {"accepts": "application/json"},
        lambda answer: json.loads(answer["body"].read())["openapi"].startswith("3.0"),
    ),
    ("GetSdk", {}, lambda answer: len(answer["body"].read()) > 0),
    ("GetSdkTypes", {}, lambda answer: "javascript" in [item["id"] for item in answer["items"]]),
    ("GetSdkType", {}, lambda answer: answer["id"] == "javascript"),
    ("GetModelTemplate", {}, lambda answer: answer["value"]),
    ("TagResource", {"tags": {"team": "a/b", "cost": "1"}}, lambda answer: answer == {}),
    ("GetTags", {}, lambda answer: answer["tags"] == {"team": "a/b", "cost": "1"}),
    ("UntagResource", {"tagKeys": ["team", "cost"]}, lambda answer: answer == {}),
    ("GetTags", {}, lambda answer: answer["tags"] == {}),
    (
        "UpdateUsage",
        {"patchOperations": [{"op": "replace", "path": "/remaining", "value": "50"}]},
        lambda answer: [50] in [day[1:] for days in answer["items"].values() for day in days],
    ),
    ("GetUsage", {"startDate": TODAY, "endDate": TODAY}, lambda answer: answer["startDate"] == TODAY),
    (
        "ImportApiKeys",
        {
            "format": "csv",
            "body": b"Name,key,description\none,importedkey-0123456789,a\ntwo,importedkey-9876543210,b\n",
        },
        lambda answer: len(answer["ids"]) == 2,
    ),
    ("ImportDocumentationParts", {"mode": "merge", "body": body(PARTS)}, lambda answer: len(answer["ids"]) == 1),
    ("ImportRestApi", {"body": body(OPENAPI)}, lambda answer: answer["name"] == "imported"),
    ("PutRestApi", {"mode": "merge", "body": body(OPENAPI)}, lambda answer: answer["id"]),
    ("RejectDomainNameAccessAssociation", {}, lambda answer: answer == {}),
]


def others(calls, ids):
    for operation in calls.model.operation_names:
        attempt(lambda operation=operation: ask_for_absent(calls, ids, operation))
        attempt(lambda operation=operation: give_bad_input(calls, ids, operation))
    for one in SINGLES:
        attempt(lambda one=one: single(calls, ids, *one))


def single(calls, ids, operation, parameters, is_right):
    answer = calls(operation, **required(calls, ids, operation), **parameters)
    try:
        well = is_right(answer)
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        calls.fail(operation, f"{type(error).__name__} {error} in {answer!r:.300}")
    if not well:
        calls.note(operation, f"is not as expected: {answer!r:.300}")


def required(calls, ids, operation):
    """The required members that name something. Dates and such are given with the operation."""
    shape = calls.model.operation_model(operation).input_shape
    for name, inner in shape.members.items():
        if inner.serialization.get("location") == "uri" and name not in ids:
            calls.fail(operation, f"cannot be tested without a {name}")
    return {name: ids[name] for name in shape.required_members if name in ids}


# What exists in no world, where "absent0000" would be wrong for another reason.
ABSENT = {
    "httpMethod": "PATCH",
    "statusCode": "599",
    "domainName": "absent.example.com",
    "resourceArn": "arn:aws:apigateway:us-east-1::/restapis/absent0000",
    "domainNameAccessAssociationArn": "arn:aws:apigateway:us-east-1:123456789012:/domainnameaccessassociations/"
    "domainname/absent.example.com/vpcesource/vpce-0123456789abcdef0",
}
# Labels whose values are kinds of something rather than names: other tests give bad ones.
CLOSED = {"responseType", "exportType", "sdkType"}


def ask_for_absent(calls, ids, operation):
    """For each label in the operation's path: 404 if it names nothing, all else being well."""
    shape = calls.model.operation_model(operation).input_shape
    labels = [name for name, inner in shape.members.items() if inner.serialization.get("location") == "uri"]
    parameters = {**required(calls, ids, operation), **besides_names(calls, ids, operation)}
    for label in labels:
        if label not in CLOSED and not is_made_by(operation, label):
            code = BAD if (operation, label) in BAD_WHERE_ABSENT else NOT_FOUND
            calls.refused(operation, code, **{**parameters, label: ABSENT.get(label, "absent0000")})


def is_made_by(operation, label):
    """Whether the operation creates what the label names, as PutMethod does with its httpMethod."""
    return any(kind.creation == operation and label in kind.ids for kind in KINDS)


def besides_names(calls, ids, operation):
    """What the operation takes besides names."""
    for kind in KINDS:
        if kind.creation == operation:
            return {"keyId": ids["keyId"], **kind.sparse} if kind.noun == "UsagePlanKey" else kind.sparse
    for single, parameters, _ in SINGLES:
        if single == operation:
            return parameters
    if "patchOperations" in calls.model.operation_model(operation).input_shape.members:
        return {"patchOperations": [{"op": "replace", "path": "/description", "value": "x"}]}
    return {}


def give_bad_input(calls, ids, operation):
    """A body that is no JSON, and a patch of what there is not."""
    shape = calls.model.operation_model(operation).input_shape
    parameters = {**required(calls, ids, operation), **besides_names(calls, ids, operation)}
    has_body = any("location" not in inner.serialization for inner in shape.members.values())
    if has_body and "payload" not in shape.serialization:
        calls.malformed(operation, BAD, **parameters)
    if "patchOperations" in shape.members:
        unknown = {"op": "replace", "path": "/no/such/member", "value": "x"}
        calls.refused(operation, BAD, **{**parameters, "patchOperations": [unknown]})


if __name__ == "__main__":
    sys.exit(not run(sys.argv[1:]))
