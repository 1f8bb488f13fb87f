"""Botocore's shapes, both ways: input that fits a shape is made, and the JSON of an answer is held to one."""

KINDS = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "double": (int, float),
    "float": (int, float),
    # Unix seconds, which is what the first version of the API sends.
    "timestamp": (int, float),
    "list": list,
    "map": dict,
    "structure": dict,
}
NUMBERS = {"boolean": True, "integer": 1, "long": 1, "double": 1.0, "float": 1.0}


def example(shape, name):
    """A value of the shape with all its members; a string says which member it is for."""
    match shape.type_name:
        case "structure":
            return {member: example(inner, member) for member, inner in shape.members.items()}
        case "list":
            return [example(shape.member, name)]
        case "map":
            return {f"{name}Key": example(shape.value, name)}
        case "blob":
            return name.encode()
        case "string":
            return shape.enum[0] if shape.enum else f"{name}-example"
        case other:
            return NUMBERS[other]


def misfits(shape, value, path=""):
    """What in the JSON value is not as the shape says: wrong types, unknown members, values outside an enumeration."""
    kind = KINDS[shape.type_name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        yield f"{path or 'the answer'} is {value!r:.80}, not a {shape.type_name}"
        return
    match shape.type_name:
        case "structure":
            members = {inner.serialization.get("name", name): inner for name, inner in shape.members.items()}
            for name, inner in value.items():
                if name in members:
                    yield from misfits(members[name], inner, f"{path}.{name}")
                else:
                    yield f"{path}.{name} is not in {shape.name}"
        case "list":
            for inner in value:
                yield from misfits(shape.member, inner, f"{path}[]")
        case "map":
            for name, inner in value.items():
                yield from misfits(shape.value, inner, f"{path}[{name}]")
        case "string":
            if shape.enum and value not in shape.enum:
                yield f"{path} is {value!r:.80}, which is not in {shape.name}"
