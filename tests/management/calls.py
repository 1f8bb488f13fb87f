"""Calls of the management API that check of each answer what the service model says.

The status is the model's, the body as it came over the wire fits the output's shape (botocore itself is lenient: it
drops what it does not know), and an error is one of AWS's, with its name in the header and a message in the body.
"""

import collections
import json

from botocore.exceptions import BotoCoreError, ClientError

from kinds import BAD
from shapes import misfits

ERROR_STATUS = {
    "BadRequestException": 400,
    # In no operation's errors, and what AWS answers where an input is outside an enumeration or a pattern.
    "ValidationException": 400,
    "UnauthorizedException": 401,
    "NotFoundException": 404,
    "ConflictException": 409,
    "LimitExceededException": 429,
    "TooManyRequestsException": 429,
}


class Failed(Exception):
    """The call has not gone as it had to; that is noted, and what builds on it cannot be tested."""


def attempt(step):
    """Whether the step came to its end; why not has been noted."""
    try:
        step()
    except Failed:
        return False
    return True


class Answer(dict):
    """To ask for a member that it lacks is a failure of the operation."""

    def __init__(self, calls, operation, members):
        super().__init__(members)
        self.calls, self.operation = calls, operation

    def __missing__(self, member):
        self.calls.fail(self.operation, f"has no {member} in its answer")


class Calls:
    """`calls("GetRestApi", restApiId=id)` is the answer; problems and numbers of calls are kept for each operation."""

    def __init__(self, gateway):
        # What botocore would refuse has to reach the server, which must refuse it as well.
        self.client = gateway.client(parameter_validation=False)
        self.model = self.client.meta.service_model
        self.counts = collections.Counter()
        self.problems = collections.defaultdict(list)
        self.raw = None
        self.body = None
        self.client.meta.events.register("before-call.apigateway", self.replace_body)
        self.client.meta.events.register("after-call.apigateway", self.keep_raw)

    def __call__(self, operation, **parameters):
        answer = self.sent(operation, parameters)
        if isinstance(answer, str):
            self.fail(operation, f"{answer} for {parameters}")
        self.check_answer(operation)
        return Answer(self, operation, answer)

    def refused(self, operation, *codes, **parameters):
        """The call must be answered with one of these errors; a bad input may also be no valid one."""
        codes = (*codes, "ValidationException") if BAD in codes else codes
        answer = self.sent(operation, parameters)
        if not isinstance(answer, str):
            self.note(operation, f"is accepted instead of {' or '.join(codes)} for {parameters}")
        elif answer.split(":")[0] not in codes:
            self.note(operation, f"{answer} instead of {' or '.join(codes)} for {parameters}")
        else:
            self.check_error(operation, answer.split(":")[0])

    def malformed(self, operation, *codes, **parameters):
        """As `refused`, with a body that is no JSON."""
        self.body = b'{"name": '
        self.refused(operation, *codes, **parameters)
        self.body = None

    def sent(self, operation, parameters):
        """The answer, or `Code: message` of the error."""
        self.counts[operation] += 1
        self.raw = None
        try:
            answer = self.client._make_api_call(operation, parameters)
        except ClientError as error:
            message = " ".join(str(error.response["Error"].get("Message")).split())
            return f"{error.response['Error']['Code']}: {message:.120}"
        except BotoCoreError as error:
            return f"{type(error).__name__}: {error}"
        answer.pop("ResponseMetadata")
        return answer

    def check_answer(self, operation):
        model = self.model.operation_model(operation)
        status = model.http.get("responseCode", 200)
        if self.raw.status_code != status:
            self.note(operation, f"answers {self.raw.status_code}, not {status}")
        if model.output_shape is None:
            if self.raw.content not in (b"", b"{}"):
                self.note(operation, f"answers {self.raw.content[:80]}, and nothing is expected")
        elif "payload" not in model.output_shape.serialization:
            for misfit in misfits(model.output_shape, parsed(self.raw.content)):
                self.note(operation, misfit)

    def check_error(self, operation, code):
        if self.raw.status_code != ERROR_STATUS[code]:
            self.note(operation, f"{code} has status {self.raw.status_code}")
        if self.raw.headers.get("x-amzn-ErrorType", "").split(":")[0] != code:
            self.note(operation, f"{code} is not what the header x-amzn-ErrorType says")
        if not isinstance(parsed(self.raw.content), dict) or not parsed(self.raw.content).get("message"):
            self.note(operation, f"{code} has no message")

    def replace_body(self, params, **_):
        if self.body is not None:
            params["body"] = self.body

    def keep_raw(self, http_response, **_):
        self.raw = http_response

    def client_method(self, operation):
        """`get_rest_apis` for `GetRestApis`."""
        names = self.client.meta.method_to_api_mapping
        return next(name for name in names if names[name] == operation)

    def note(self, operation, problem):
        if problem not in self.problems[operation]:
            self.problems[operation].append(problem)

    def fail(self, operation, problem):
        self.note(operation, problem)
        raise Failed(operation)


def parsed(content):
    """The JSON, or the bytes themselves where they are none."""
    try:
        return json.loads(content)
    except ValueError:
        return content
