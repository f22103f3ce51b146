"""Wording of malformed responses."""

from pydantic import ValidationError

_EXPECTED = {
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "missing": "a name",
}
_SHAPES: dict[type, str] = {bool: "true or false", str: "text", list: "a list", type(None): "null"}


def problem(error: ValidationError, root: str = "the response") -> str:
    """Return the first problem, as `items[3]: name is a number, not text`; `root` names the whole."""
    first = error.errors(include_url=False, include_context=False)[0]
    absent = first["type"] in ("missing", "missing_name")
    expected = _EXPECTED.get(first["type"]) or first["msg"]
    return f"{_path(first['loc']) or root} is {shape(None if absent else first['input'])}, not {expected}"


def is_no_object(error: ValidationError) -> bool:
    """Return whether a body was not a JSON object."""
    return any(
        one["type"] == "json_invalid" or (one["type"] == "model_type" and not one["loc"]) for one in error.errors()
    )


def shape(value: object) -> str:
    """Return the JSON name of a value's kind, for messages."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "a number"
    return _SHAPES.get(type(value), "an object")


def _path(location: tuple[int | str, ...]) -> str:
    text = ""
    for number, step in enumerate(location):
        if isinstance(step, int):
            text += f"[{step}]" + (": " if number == 1 and len(location) > 2 else "")  # noqa: PLR2004 - `items[3]: name`
        else:
            text += step if not text or text.endswith(": ") else f".{step}"
    return text
