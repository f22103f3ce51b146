"""Exchanges held to the published documents: what they have against a request and against an answer."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from tests.contract.traffic import Exchange
from tests.support.openapi import DOCUMENT, DOCUMENT_OVERLAYS, DOCUMENT_V2, FUTURE_FIELDS, Published

Json = dict[str, Any]

UIDP = re.compile(r"[0-9a-f]{40}(/[0-9a-f]{16})*")
# What the gateway takes and the documents do not list.
_MASK: Json = {"name": "updateMask", "schema": {"type": "string"}}
UNLISTED: dict[tuple[str, str], tuple[Json, ...]] = {
    ("PATCH", "/registry/v2/repos/{uid}"): (_MASK,),
    ("PATCH", "/registry/v2beta1/overlays/{uid}"): (_MASK,),
    ("PATCH", "/registry/v2beta1/overlayBindings/{uid}"): (_MASK,),
}
# Requests whose parameters the gateway takes from a form as well: the documents list them for the query alone.
FORMS = frozenset({("POST", "/sts/exchange")})
# Updates, which may send back what the documents do not name: a field that was read and is left out is lost.
UPDATES = frozenset({"PATCH", "PUT"})
# What is asked without a token to learn whether the API is there, and answered with a refusal.
GREETED, UNAUTHENTICATED = "/auth/v1/ok", 401


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation of a document, and the values of a path's parameters."""

    published: Published
    method: str
    path: str
    values: dict[str, str]

    @property
    def parameters(self) -> dict[str, Json]:
        listed = self.published.parameters(self.method, self.path)
        found = (*(each for each in listed if each["in"] == "query"), *UNLISTED.get((self.method, self.path), ()))
        return {each["name"]: each for each in found}


class Documents:
    """The documents; `strict` holds answers to having exactly the fields that are published."""

    def __init__(self, *, strict: bool = True) -> None:
        self._strict = strict
        self._published = tuple(map(Published, (DOCUMENT, DOCUMENT_V2, DOCUMENT_OVERLAYS)))
        self._received: set[str] = set()

    def objections(self, exchange: Exchange) -> list[str]:
        """What the documents have against an exchange."""
        operation = self.operation(exchange.method, exchange.path)
        if operation is None:
            return [f"{exchange.title}: no such operation is published"]
        found = (*_of_request(operation, exchange, self._received), *self._of_answer(operation, exchange))
        return [f"{exchange.title}: {problem}" for problem in found]

    def of_answer(self, exchange: Exchange) -> list[str]:
        """What the documents have against an answer, whatever the request was."""
        operation = self.operation(exchange.method, exchange.path)
        return ["no such operation"] if operation is None else list(self._of_answer(operation, exchange))

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation that a path as it was sent belongs to: the one with the most text of its own."""
        found = [
            Operation(published=published, method=method, path=template, values=match.groupdict())
            for published in self._published
            for template, methods in published.document["paths"].items()
            if method.lower() in methods and (match := _pattern(methods[method.lower()], template).fullmatch(path))
        ]
        return max(found, key=lambda each: len(re.sub(r"\{\w+\}", "", each.path)), default=None)

    def _of_answer(self, operation: Operation, exchange: Exchange) -> Iterable[str]:
        if exchange.told.get("content-type") != "application/json":
            yield f"the answer is {exchange.told.get('content-type')}"
            return
        published = operation.published
        schema = published.answer(operation.method, operation.path, exchange.status)
        value = json.loads(exchange.received)
        problems = published.problems(schema, value)
        # A server may be newer than its documents: it may know more names and more fields.
        yield from (each for each in problems if self._strict or " is not one of " not in each)
        unknown = published.unknown_keys(schema, value)
        self._received |= unknown
        if self._strict:
            yield from (f'the answer has "{key}"' for key in sorted(unknown - FUTURE_FIELDS))
            yield from (f'the answer lacks "{key}"' for key in sorted(published.missing_keys(schema, value)))


def _pattern(operation: Json, template: str) -> re.Pattern[str]:
    """The paths of an operation: a parameter may hold slashes where its own pattern lets it."""
    patterns = {
        each["name"]: each["schema"].get("pattern", "[^/]+")
        for each in operation.get("parameters", ())
        if each["in"] == "path"
    }
    parts = re.split(r"\{(\w+)\}", template)
    literals = [re.escape(part) for part in parts[::2]]
    groups = [f"(?P<{name}>{patterns[name]})" for name in parts[1::2]]
    return re.compile("".join(part for pair in zip(literals, [*groups, ""], strict=True) for part in pair), re.DOTALL)


def _of_request(operation: Operation, exchange: Exchange, received: set[str]) -> Iterable[str]:
    yield from (f"{name} is no UIDP" for name, value in operation.values.items() if UIDP.fullmatch(value) is None)
    greeting = operation.path == GREETED and exchange.status == UNAUTHENTICATED
    if not (greeting or exchange.asked.get("authorization", "").startswith("Bearer ")):
        yield "the request carries no bearer token"
    if "application/json" not in exchange.asked.get("accept", ""):
        yield "the request does not ask for JSON"
    query = parse_qsl(exchange.query, keep_blank_values=True, strict_parsing=bool(exchange.query), errors="strict")
    if (operation.method, operation.path) in FORMS and exchange.sent:
        query += parse_qsl(exchange.sent.decode("ascii"), strict_parsing=True)
        yield from _of_kind(exchange, "application/x-www-form-urlencoded")
    else:
        yield from _of_body(operation, exchange, received)
    yield from _of_parameters(operation, query)


def _of_kind(exchange: Exchange, kind: str) -> Iterable[str]:
    if exchange.asked.get("content-type") != kind:
        yield f"the body is said to be {exchange.asked.get('content-type')}"


def _of_parameters(operation: Operation, query: list[tuple[str, str]]) -> Iterable[str]:
    known = operation.parameters
    names = [name for name, _ in query]
    yield from (f"the parameter {name} is missing" for name, each in known.items() if each.get("required"))
    for name, text in query:
        schema = known.get(name, {}).get("schema")
        if schema is None:
            yield f"there is no parameter {name}"
            continue
        several = schema.get("type") == "array"
        if names.count(name) > 1 and not several:
            yield f"the parameter {name} is given more than once"
        one = schema["items"] if several else schema
        yield from (f"{name}: {problem}" for problem in operation.published.problems(one, _value(one, text)))


def _value(schema: Json, text: str) -> object:
    """The value that a parameter's text stands for; the text itself where it stands for none of the type."""
    match schema.get("type"):
        case "boolean":
            return {"true": True, "false": False}.get(text, text)
        case "integer":
            return int(text) if re.fullmatch(r"-?\d+", text, re.ASCII) else text
        case _:
            return text


def _of_body(operation: Operation, exchange: Exchange, received: set[str]) -> Iterable[str]:
    schema = operation.published.body(operation.method, operation.path)
    if schema is None:
        if exchange.sent or "content-type" in exchange.asked:
            yield "the request has a body"
        return
    yield from _of_kind(exchange, "application/json")
    value = json.loads(exchange.sent)
    if mask := dict(parse_qsl(exchange.query)).get("updateMask"):
        # The gateway reads what the mask names, and the documents require the fields of the whole message.
        schema = {**schema, "required": [name for name in schema.get("required", ()) if name in mask.split(",")]}
    yield from operation.published.problems(schema, value)
    # A field that stands in the path may stand in the body, too: the gateway lets the path win.
    known = {name for name in operation.values if operation.method in UPDATES}
    sent_back = received if operation.method in UPDATES else set()
    unknown = operation.published.unknown_keys(schema, value) - known - sent_back
    yield from (f'the body has "{key}"' for key in sorted(unknown))
