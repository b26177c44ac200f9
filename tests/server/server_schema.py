"""As much of JSON Schema as openapi.json uses."""
import re

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None),
         "number": (int, float), "integer": int}


def check(value, schema, document, place="reply"):
    """Raises AssertionError when the value is not as the schema has it."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return check(value, document["components"]["schemas"][name], document, place)
    kinds = schema.get("type", list(TYPES))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    fits = any(isinstance(value, TYPES[kind]) and (isinstance(value, bool) == (kind == "boolean"))
               for kind in kinds)
    assert fits, f"{place}: {value!r} is not {kinds}"
    if "enum" in schema:
        assert value in schema["enum"], f"{place}: {value!r} is none of {schema['enum']}"
    if "pattern" in schema:
        assert re.search(schema["pattern"], value), f"{place}: {value!r}"
    if "minimum" in schema and value is not None:
        assert value >= schema["minimum"], f"{place}: {value!r} is less than {schema['minimum']}"
    if "oneOf" in schema:
        fitting = [one for one in schema["oneOf"] if fits_schema(value, one, document)]
        assert len(fitting) == 1, f"{place}: {len(fitting)} of oneOf fit"
    if isinstance(value, dict):
        check_object(value, schema, document, place)
    if isinstance(value, list):
        assert len(value) >= schema.get("minItems", 0), f"{place}: too short"
        for i, item in enumerate(value):
            check(item, schema.get("items", {}), document, f"{place}[{i}]")


def check_object(value, schema, document, place):
    for key in schema.get("required", []):
        assert key in value, f"{place}: no {key!r} in {list(value)}"
    known = schema.get("properties", {})
    for key, member in value.items():
        if key in known:
            check(member, known[key], document, f"{place}.{key}")
        else:
            assert schema.get("additionalProperties", True), f"{place}: {key!r} is not documented"


def fits_schema(value, schema, document):
    try:
        check(value, schema, document)
        return True
    except AssertionError:
        return False
