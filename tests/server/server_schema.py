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
    if isinstance(value, dict):
        for key in schema.get("required", []):
            assert key in value, f"{place}: no {key!r} in {list(value)}"
        for key, member in value.items():
            known = schema.get("properties")
            assert known is None or key in known, f"{place}: {key!r} is not documented"
            if known:
                check(member, known[key], document, f"{place}.{key}")
    if isinstance(value, list):
        for i, item in enumerate(value):
            check(item, schema.get("items", {}), document, f"{place}[{i}]")
