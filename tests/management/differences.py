"""The lists of what is known to differ: a name, the reason, and where that can be read, in a TOML file each.

A list has to stay true, so what fails without being listed is an error, and so is what is listed and passes, and what
is listed and does not exist. And it has to stay short: a share of all must pass.

    [[difference]]
    name = "test_apigateway.py::test_create_rest_api_invalid_apikeysource"
    reason = "AWS answers …"
    source = "https://docs.aws.amazon.com/apigateway/latest/api/…"

With `chance = true`, it is known to pass at times, by luck.

A list may ask for a `proof` in the place of the source: where it can be read that AWS contradicts what is expected, and
what is said there. What is proven so is nothing that could pass, so the share is of all the others. `proof = ""` says that
none was found: that one counts.
"""

import pathlib
import tomllib

HERE = pathlib.Path(__file__).resolve().parent


def judge(title, what, outcomes, file, percent_min, asks_for_proof=False):
    """Whether all is as it should be. `outcomes` has for each name its problem, or None where it passed."""
    known = listed(file)
    complaints = list(untrue(file, known, outcomes, asks_for_proof))
    unlisted = {name: problem for name, problem in outcomes.items() if problem is not None and name not in known}
    complaints += [f"{name}: {problem}" for name, problem in unlisted.items()]
    passed = sum(problem is None for problem in outcomes.values())
    differing = [entry for name, entry in known.items() if outcomes.get(name) is not None]
    proven = sum(bool(entry.get("proof")) for entry in differing)
    counted = len(outcomes) - proven
    percent = 100 * passed / max(counted, 1)
    if percent < percent_min:
        complaints.append(f"{percent:.1f} % is less than {percent_min} %")
    for complaint in complaints:
        print(f"{title}: {complaint}")
    text = f"{title}: {passed} of {len(outcomes)} {what} passed, {len(differing)} differ by name"
    if asks_for_proof:
        text += f", {proven} of them as AWS provably does: {passed} of {counted}"
    print(f"{text} ({percent:.1f} %)")
    return not complaints


def listed(file):
    """The entries of a list by name."""
    return {entry["name"]: entry for entry in tomllib.loads((HERE / file).read_text()).get("difference", [])}


def untrue(file, known, outcomes, asks_for_proof):
    for name, entry in known.items():
        for field in ("reason",) if asks_for_proof else ("reason", "source"):
            if not entry.get(field):
                yield f"{file}: {name}: no {field}"
        if asks_for_proof and "proof" not in entry:
            yield f"{file}: {name}: no proof"
        if name not in outcomes:
            yield f"{file}: {name}: there is no such one"
        elif outcomes[name] is None and not entry.get("chance"):
            yield f"{file}: {name}: passes, so it is no difference"
