"""What a program may ask for, to read: the same document that programs read."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from integration.openapi import build_document

Schema = dict[str, Any]
TYPES = {"string": "text", "array": "list", "boolean": "true or false", "integer": "whole number", "null": "null"}


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    document = build_document()
    operations = [
        describe(document, method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    context = {"document": document, "operations": operations, "origin": request.build_absolute_uri("/")[:-1]}
    return render(request, "integration/api_docs.html", context)


def describe(document: Schema, method: str, path: str, operation: Schema) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    body = resolve(document, content.get("application/json", {}).get("schema", {}))
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation["summary"],
        "description": operation["description"],
        "parameters": [field(one["name"], one["schema"], one) for one in operation.get("parameters", [])],
        "groups": groups(document, body),
        "example": json.dumps(body["example"]) if "example" in body else "",
        "csv": content.get("text/csv", {}).get("schema", {}).get("example", ""),
        "responses": [answer(status, one) for status, one in operation["responses"].items()],
    }


def resolve(document: Schema, schema: Schema) -> Schema:
    """What a reference names."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] if name else schema


def groups(document: Schema, body: Schema) -> list[dict[str, Any]]:
    """The fields of the body, then those of each of its rows."""
    found = [("", body)] if body else []
    found += [(name, resolve(document, part["items"])) for name, part in properties(body) if "items" in part]
    return [{"of": name, "fields": fields(schema)} for name, schema in found]


def properties(schema: Schema) -> list[tuple[str, Schema]]:
    return list(schema.get("properties", {}).items())


def fields(schema: Schema) -> list[dict[str, Any]]:
    needed = schema.get("required", [])
    return [field(name, part, {**part, "required": name in needed}) for name, part in properties(schema)]


def field(name: str, schema: Schema, about: Schema) -> dict[str, Any]:
    description = plain(about.get("description", ""))
    return {
        "name": name,
        "place": about.get("in", ""),
        "type": type_of(schema),
        "is_needed": about.get("required", False),
        "description": description,
    }


def plain(text: str) -> str:
    """Without the marks that OpenAPI's readers take for code."""
    return text.replace("`", "")


def type_of(schema: Schema) -> str:
    if "enum" in schema:
        return ", ".join(one if isinstance(one, str) else json.dumps(one) for one in schema["enum"])
    kinds: list[str] = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    words = " or ".join(TYPES.get(kind, kind) for kind in kinds)
    longest = schema.get("maxLength")
    return f"{words}, up to {longest} characters" if longest else words


def answer(status: str, response: Schema) -> dict[str, Any]:
    return {
        "status": status,
        "description": plain(response["description"]),
        "headers": list(response.get("headers", {})),
    }
