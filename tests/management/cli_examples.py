"""The AWS CLI's own examples of `aws apigateway`, run against Tollgate.

Each of the 93 files below awscli/examples/apigateway has one command or more, with the output of some. Before each, the
store is emptied and what the command is about is made (cli_world.py); its ids take the places of those in the example.
The command has to be accepted, and its answer has to have the keys that the example's output has. A file passes if all
its commands do. 90 % must pass; the rest is in cli_differences.toml.
"""

import contextlib
import io
import json
import os
import pathlib
import re
import shlex
import sys
import tempfile

import awscli.clidriver

from cli_world import World
from differences import judge
from gateway import CREDENTIALS, REGION, Gateway
from sources import unpacked

PERCENT_MIN = 90
DOCUMENT = {
    "swagger": "2.0",
    "info": {"title": "from a template", "version": "1"},
    "paths": {"/pets": {"get": {"responses": {"200": {"description": "all pets"}}}}},
}


def run(names=()):
    """Whether all is well. `names` are files without their ending: `create-stage`."""
    folder = unpacked("awscli", "awscli/examples/apigateway/") / "awscli/examples/apigateway"
    files = [file for file in sorted(folder.glob("*.rst")) if not names or file.stem in names]
    with Gateway("cli") as gateway, tempfile.TemporaryDirectory() as scratch, environment():
        cli = Cli(gateway, pathlib.Path(scratch))
        outcomes = {file.stem: cli.problem(file) for file in files}
    if names:
        print("\n".join(f"{name}: {problem or 'is well'}" for name, problem in outcomes.items()))
        return not any(outcomes.values())
    return judge("cli", "files of examples", outcomes, "cli_differences.toml", PERCENT_MIN)


class Cli:
    """The AWS CLI within this process, as a process for each command would take a second."""

    def __init__(self, gateway, scratch):
        self.gateway = gateway
        self.client = gateway.client()
        self.scratch = scratch
        self.driver = awscli.clidriver.create_clidriver()
        (scratch / "API_Swagger_template.json").write_text(json.dumps(DOCUMENT))

    def problem(self, file):
        """What is wrong with the examples in the file, None if all are well."""
        for number, (command, output, files) in enumerate(examples(file.read_text()), start=1):
            for name, content in files.items():
                (self.scratch / name).write_text(content)
            problem = self.problem_of_command(command, output)
            if problem:
                return f"example {number}: {problem}"
        return None

    def problem_of_command(self, command, output):
        self.gateway.reset()
        world = World(self.client)
        try:
            arguments = [self.within_scratch(argument) for argument in world.prepared(command)]
        except Exception as error:
            return f"cannot be prepared: {' '.join(str(error).split()):.200}"
        status, answer, errors = self.executed(arguments)
        if status != 0:
            return f"exit code {status}: {' '.join(errors.split()):.200}"
        if output is not None:
            missing = sorted(missing_keys(output, json.loads(answer or "{}")))
            return f"lacks {', '.join(missing)}" if missing else None
        return None

    def within_scratch(self, argument):
        """`file:///path/to/x` and `file://policy.json` are files in the scratch folder, and so is what is written."""
        argument = argument.replace("/path/to/", f"{self.scratch}/")
        return re.sub(r"^(fileb?://)(?!/)", rf"\1{self.scratch}/", argument)

    def executed(self, arguments):
        answer, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(answer), contextlib.redirect_stderr(errors):
            try:
                status = self.driver.main([*arguments, "--endpoint-url", self.gateway.admin])
            except SystemExit as end:
                status = end.code
        return status, answer.getvalue(), errors.getvalue()


def examples(text):
    """Each command of the file with its output, if there is one, and the files that are shown with it.

    A block is indented, after a line with a colon at its end: `Command::`, `Output::`, ``Contents of ``x.json``::``.
    """
    found = []
    for before, block in indented_blocks(text):
        if block.startswith("aws "):
            arguments = shlex.split(block.replace("\\\n", ""))
            found.append((arguments[1:], None, {}))
        elif before.startswith("Output"):
            found[-1] = (found[-1][0], json.loads(mended(block)), found[-1][2])
        elif named := re.search(r"``(\S+\.json)``::$", before):
            found[-1][2][named.group(1)] = block
    return found


def indented_blocks(text):
    """Each run of indented lines, with the last line that was not indented before it."""
    before, block = "", []
    for line in [*text.splitlines(), "end"]:
        if line.startswith((" ", "\t")) or (block and not line.strip()):
            block.append(line)
        elif line.strip():
            if block:
                yield before, "\n".join(block).strip()
            before, block = line.strip(), []


def mended(output):
    """Two of the files have a line without the quote and the comma at its end."""
    lines = output.splitlines()
    return "\n".join(line + '",' if re.sub(r"\\.", "", line).count('"') % 2 else line for line in lines)


def missing_keys(expected, answer, path=""):
    """Keys of the example that the answer lacks. Each item of a list needs one in the answer with its keys."""
    if isinstance(expected, dict):
        for name, inner in expected.items():
            if not isinstance(answer, dict) or name not in answer:
                yield f"{path}.{name}"
            else:
                yield from missing_keys(inner, answer[name], f"{path}.{name}")
    elif isinstance(expected, list):
        for inner in expected:
            candidates = [list(missing_keys(inner, item, f"{path}[]")) for item in answer]
            yield from min(candidates, key=len, default=[f"{path}[]"])


@contextlib.contextmanager
def environment():
    """Nothing of who runs this: no configuration, no credentials, no pager."""
    before = dict(os.environ)
    # The data path is what awscli itself has set, for its own files.
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_DATA_PATH"]:
        del os.environ[name]
    os.environ |= {name.upper(): value for name, value in CREDENTIALS.items()}
    os.environ |= {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_PAGER": "",
        "AWS_MAX_ATTEMPTS": "1",
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    sys.exit(not run(sys.argv[1:]))
