"""``/docs``: the OpenAPI document as a page of its own making, without scripts or anybody else's servers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from driftwatch.web.html import html

_METHODS = ("get", "put", "post", "delete", "patch")
_TAGS = ("events", "models", "windows", "alerts", "retrains", "service")


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter of a route, or a property of a schema. ``link`` is the schema that its type names."""

    name: str
    place: str
    type: str
    link: str | None
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Content:
    """A body in one content type."""

    content_type: str
    type: str
    link: str | None
    example: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One documented answer."""

    status: str
    description: str
    contents: tuple[Content, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Field, ...]
    bodies: tuple[Content, ...]
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """A named shape, or the values of an enumeration."""

    name: str
    description: str
    fields: tuple[Field, ...]
    values: tuple[str, ...]


def documentation_router() -> APIRouter:
    """``/docs``; the document itself is at ``/openapi.json``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    def docs(request: Request) -> HTMLResponse:
        document = request.app.openapi()
        return html(
            "docs.html",
            title=document["info"]["title"],
            version=document["info"]["version"],
            description=document["info"]["description"],
            groups=operations_by_tag(document),
            schemas=list(_schemas(document)),
        )

    return router


def operations_by_tag(document: Mapping[str, Any]) -> dict[str, list[Operation]]:
    """Every operation of an OpenAPI document, in groups."""
    groups: dict[str, list[Operation]] = {tag: [] for tag in _TAGS}
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                given = item[method]
                tag = given.get("tags", ["service"])[0]
                groups.setdefault(tag, []).append(_operation(method, path, given))
    return {tag: operations for tag, operations in groups.items() if operations}


def _operation(method: str, path: str, given: Mapping[str, Any]) -> Operation:
    return Operation(
        method=method,
        path=path,
        summary=given.get("summary", ""),
        description=given.get("description", ""),
        parameters=tuple(
            _field(one["name"], one["schema"], one.get("required", False), one["in"], one.get("description", ""))
            for one in given.get("parameters", ())
        ),
        bodies=tuple(_contents(given.get("requestBody", {}))),
        outcomes=tuple(
            Outcome(status, answer.get("description", ""), tuple(_contents(answer)))
            for status, answer in sorted(given["responses"].items())
        ),
    )


def _contents(holder: Mapping[str, Any]) -> Iterator[Content]:
    for content_type, content in holder.get("content", {}).items():
        schema = content.get("schema", {})
        example = content.get("example")
        shown = json.dumps(example, indent=2, ensure_ascii=False) if example is not None else None
        yield Content(content_type, type_text(schema), _link(schema), shown)


def _schemas(document: Mapping[str, Any]) -> Iterator[Schema]:
    for name, schema in sorted(document.get("components", {}).get("schemas", {}).items()):
        required = set(schema.get("required", ()))
        fields = tuple(
            _field(field, one, field in required, "", one.get("description", ""))
            for field, one in schema.get("properties", {}).items()
        )
        values = tuple(str(one) for one in schema.get("enum", ()))
        yield Schema(name, schema.get("description", ""), fields, values)


def _field(name: str, schema: Mapping[str, Any], required: bool, place: str, description: str) -> Field:
    return Field(name, place, type_text(schema), _link(schema), required, description)


def type_text(schema: Mapping[str, Any]) -> str:
    """A schema in a few words.

    Examples
    --------
    >>> type_text({"anyOf": [{"type": "array", "items": {"$ref": "#/x/Label"}}, {"type": "null"}]})
    'list of Label or null'
    >>> type_text({"type": "string", "format": "date-time"})
    'date-time'
    """
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    for joint in ("anyOf", "oneOf"):
        if joint in schema:
            return " or ".join(dict.fromkeys(type_text(one) for one in schema[joint]))
    if "const" in schema:
        return json.dumps(schema["const"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {type_text(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {type_text(schema['additionalProperties'])}"
    if isinstance(kind, list):
        return " or ".join(kind)
    return str(schema.get("format") or kind)


def _link(schema: Mapping[str, Any]) -> str | None:
    """The first schema that a type names."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    inner = [
        *schema.get("anyOf", ()),
        *schema.get("oneOf", ()),
        schema.get("items"),
        schema.get("additionalProperties"),
    ]
    return next((found for one in inner if isinstance(one, dict) and (found := _link(one)) is not None), None)


__all__ = [
    "Content",
    "Field",
    "Operation",
    "Outcome",
    "Schema",
    "documentation_router",
    "operations_by_tag",
    "type_text",
]
