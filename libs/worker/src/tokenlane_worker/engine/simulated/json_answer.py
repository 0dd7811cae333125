"""An answer for requests that want JSON: small, valid, and following the schema's simple types."""

import msgspec

from tokenlane_worker.engine.simulated.body import ResponseFormat
from tokenlane_worker.engine.simulated.refusals import bad_value

MAX_DEPTH = 12


def json_answer(wanted: ResponseFormat | None) -> str | None:
    """The text to answer, or None where plain text is wanted. Raises RefusedError (400)."""
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return '{"simulated": true}'
    if wanted.json_schema is None:
        message = "When response_format type is 'json_schema', the 'json_schema' field must be provided."
        raise bad_value(message, "response_format")
    schema = wanted.json_schema.schema
    return msgspec.json.encode(_sample(schema, schema, MAX_DEPTH)).decode()


def _sample(schema: object, root: object, depth: int) -> object:
    if not isinstance(schema, dict) or not depth:
        return None
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if isinstance(schema.get("$ref"), str):
        return _sample(_resolve(schema["$ref"], root), root, depth - 1)
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return _sample(schema[key][0], root, depth - 1)
    kind = schema.get("type", "object")
    return _of_type(kind[0] if isinstance(kind, list) else kind, schema, root, depth)


def _of_type(kind: object, schema: dict[str, object], root: object, depth: int) -> object:
    if kind == "object":
        properties = schema.get("properties")
        names = properties.items() if isinstance(properties, dict) else ()
        return {name: _sample(value, root, depth - 1) for name, value in names}
    if kind == "array":
        count = schema.get("minItems", 0)
        item = _sample(schema.get("items"), root, depth - 1)
        return [item] * min(count, 16) if isinstance(count, int) else []
    if kind == "string":
        return "simulated"
    if kind in ("integer", "number"):
        return schema.get("minimum", 0)
    return True if kind == "boolean" else None


def _resolve(reference: str, root: object) -> object:
    """Follow a local reference such as `#/$defs/item`; None if it leads nowhere."""
    target = root
    for key in reference.removeprefix("#/").split("/"):
        target = target.get(key) if isinstance(target, dict) else None
    return target
