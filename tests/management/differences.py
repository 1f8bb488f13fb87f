"""The lists of what is known to differ: a name, the reason, and where that can be read, in a TOML file each.

A list has to stay true, so what fails without being listed is an error, and so is what is listed and passes, and what
is listed and does not exist. And it has to stay short: a share of all must pass.

    [[difference]]
    name = "test_apigateway.py::test_create_rest_api_invalid_apikeysource"
    reason = "AWS answers …"
    source = "https://docs.aws.amazon.com/apigateway/latest/api/…"

With `chance = true`, it is known to pass at times, by luck.
"""

import pathlib
import tomllib

HERE = pathlib.Path(__file__).resolve().parent


def judge(title, what, outcomes, file, percent_min):
    """Whether all is as it should be. `outcomes` has for each name its problem, or None where it passed."""
    known = listed(file)
    complaints = list(untrue(file, known, outcomes))
    unlisted = {name: problem for name, problem in outcomes.items() if problem is not None and name not in known}
    complaints += [f"{name}: {problem}" for name, problem in unlisted.items()]
    passed = sum(problem is None for problem in outcomes.values())
    percent = 100 * passed / max(len(outcomes), 1)
    differing = sum(outcomes.get(name) is not None for name in known)
    if percent < percent_min:
        complaints.append(f"{percent:.1f} % is less than {percent_min} %")
    for complaint in complaints:
        print(f"{title}: {complaint}")
    print(f"{title}: {passed} of {len(outcomes)} {what} passed ({percent:.1f} %), {differing} differ by name")
    return not complaints


def listed(file):
    """The entries of a list by name."""
    return {entry["name"]: entry for entry in tomllib.loads((HERE / file).read_text()).get("difference", [])}


def untrue(file, known, outcomes):
    for name, entry in known.items():
        for field in ("reason", "source"):
            if not entry.get(field):
                yield f"{file}: {name}: no {field}"
        if name not in outcomes:
            yield f"{file}: {name}: there is no such one"
        elif outcomes[name] is None and not entry.get("chance"):
            yield f"{file}: {name}: passes, so it is no difference"
