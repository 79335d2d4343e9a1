"""A contract as a list of its settings, each under its dotted name: which there are, and where two contracts differ."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel

from integration.platforms.contract import Contract

NOTHING: tuple[Any, ...] = (None, {}, [], (), frozenset(), "")  # how a setting looks that is not set


class Setting(NamedTuple):
    """What may be set. `default` is as it stands in JSON; empty where there is none."""

    name: str
    kind: str
    default: str


class Difference(NamedTuple):
    """Two values as they stand in JSON; empty where the setting is not set."""

    name: str
    old: str
    new: str


def compare(old: dict[str, str], new: dict[str, str]) -> list[Difference]:
    names = [*old, *(name for name in new if name not in old)]
    pairs = (Difference(name, old.get(name, ""), new.get(name, "")) for name in names)
    return [pair for pair in pairs if pair.old != pair.new]


def settings_of(values: Any) -> dict[str, str]:
    """Each setting that is set, as JSON, for what Python takes as equal (0 and false) is not the same for a shop."""
    return {name: as_json(value) for name, value in flat("", values) if value not in NOTHING}


def flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from flat(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list | tuple) and any(isinstance(inner, dict) for inner in value):
        for place, inner in enumerate(value):
            yield from flat(f"{name}.{place}", inner)
    elif isinstance(value, frozenset):
        yield name, sorted(value)
    else:
        yield name, int(value) if isinstance(value, float) and value.is_integer() else value


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


# --- what may be set ------------------------------------------------------------------------------------


def every_setting() -> list[Setting]:
    schema = Contract.model_json_schema()
    return list(settings_in(schema, schema["$defs"], ""))


def settings_in(schema: dict[str, Any], known: dict[str, Any], prefix: str) -> Iterator[Setting]:
    needed = schema.get("required", [])
    for name, rules in schema["properties"].items():
        inner = reference_in(rules)
        if inner:
            yield from settings_in(known[inner], known, f"{prefix}{name}.")
        else:
            default = "" if name in needed else as_json(shown_default(name, rules))
            yield Setting(f"{prefix}{name}", kind_of(rules), default)


def shown_default(name: str, rules: dict[str, Any]) -> Any:
    default = rules.get("default")
    return sorted(default) if rules.get("uniqueItems") and isinstance(default, list) else default


def reference_in(rules: dict[str, Any]) -> str:
    choices = [rules, *rules.get("anyOf", [])]
    return next((choice["$ref"].rpartition("/")[2] for choice in choices if "$ref" in choice), "")


def kind_of(rules: dict[str, Any]) -> str:
    """`integer 1..10`, `"POST" | "PUT"`, `list of integer`, `object of string`"""
    if "anyOf" in rules:
        return " | ".join(kind_of(choice) for choice in rules["anyOf"])
    if "enum" in rules:
        return " | ".join(map(as_json, rules["enum"]))
    inner = [*rules.get("prefixItems", []), *([rules["items"]] if isinstance(rules.get("items"), dict) else [])]
    if inner:
        return f"list of {kind_of(inner[0])}"
    values = [rules.get("additionalProperties"), *rules.get("patternProperties", {}).values()]
    value = next((value for value in values if isinstance(value, dict) and value), None)
    return f"object of {kind_of(value)}" if value else f"{rules.get('type', 'any')}{limits_of(rules)}"


def limits_of(rules: dict[str, Any]) -> str:
    lowest = rules.get("minimum", rules.get("exclusiveMinimum"))
    above = "> " if "exclusiveMinimum" in rules else ""
    if "maximum" in rules:
        return f" {above}{lowest} … {rules['maximum']}"
    return f" {above or '≥ '}{lowest}" if lowest is not None else ""
