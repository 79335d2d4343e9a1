"""Adapters by name: of a platform that is only a contract, and of those in `settings.PLATFORMS` that are code."""

import difflib
import functools
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from django.conf import settings
from django.utils.module_loading import import_string
from pydantic import ValidationError

from integration.platforms.base import Endpoint, Platform
from integration.platforms.contract import Contract, merged
from integration.platforms.http import HttpPlatform
from integration.platforms.presets import PRESETS

NAMED = re.compile(r"([a-z_]+(?:\.\w+)*): (.+)", re.DOTALL)  # an error of a whole contract that says where


class UnknownPlatform(LookupError):
    """No adapter of this name is configured."""


class InvalidContract(ValueError):
    """A contract cannot be used; the message names each field, and `problems` are the same, one by one."""

    def __init__(self, message: str, problems: Sequence["Problem"] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class Problem(NamedTuple):
    """`name` is the setting's, with dots; empty where several do not go together."""

    name: str
    message: str

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.name else self.message


def platform_names() -> list[str]:
    return sorted({*PRESETS, *settings.PLATFORMS})


def adapter_class(name: str) -> type[Platform]:
    path = settings.PLATFORMS.get(name)
    if path is None and name in PRESETS:
        return HttpPlatform
    if path is None:
        raise UnknownPlatform(f"unknown platform {name!r}; known: {', '.join(platform_names())}")
    try:
        adapter: type[Platform] = import_string(path)
    except ImportError as exc:
        raise UnknownPlatform(f"the adapter of {name} cannot be loaded: {exc}") from exc
    return adapter


def load(name: str, contract: Contract, endpoint: Endpoint) -> Platform:
    return adapter_class(name)(contract, endpoint)


def build_contract(name: str, preset: str, changes: dict[str, Any]) -> Contract:
    """The preset (empty: the platform's own contract) with what is changed of it."""
    adapter = adapter_class(name)
    if preset and preset not in PRESETS:
        problem = Problem("", f"unknown preset {preset!r}; known: {', '.join(PRESETS)}")
        raise InvalidContract(f"the contract of {name}: {problem}", [problem])
    try:
        return compile_contract(base_of(name, preset, adapter), as_storable(changes))
    except (OverflowError, UnicodeError, RecursionError) as exc:
        problem = Problem("", "it holds what cannot be stored: a number or a text that is none, or far too deep a list")
        raise InvalidContract(f"the contract of {name}: {problem}", [problem]) from exc
    except ValidationError as exc:
        problems = [describe(error) for error in exc.errors()]
        message = "; ".join(map(str, problems))
        raise InvalidContract(f"the contract of {name}: {message}", problems) from exc


@functools.lru_cache(maxsize=100)
def base_of(name: str, preset: str, adapter: type[Platform]) -> str:
    """What is changed, as JSON."""
    base = PRESETS[preset] if preset else PRESETS.get(name, adapter.default_contract)
    return base.model_dump_json()


def as_storable(changes: dict[str, Any]) -> bytes:
    """As JSON that each database takes."""
    encoded = msgspec.json.encode(changes)
    if b"\\u0000" in encoded:
        raise UnicodeError("a text holds a zero byte")
    return encoded


@functools.lru_cache(maxsize=100)
def compile_contract(base: str, changes: bytes) -> Contract:
    return Contract.model_validate(merged(msgspec.json.decode(base), msgspec.json.decode(changes)))


def describe(error: Any) -> Problem:
    """A field's error; for a name that nobody knows, with the one that may be meant."""
    where, message = ".".join(map(str, error["loc"])), error["msg"].removeprefix("Value error, ")
    if error["type"] != "extra_forbidden":
        named = NAMED.fullmatch(message)
        return Problem(*named.groups()) if named and not where else Problem(where, message)
    near = difflib.get_close_matches(str(error["loc"][-1]), Contract.model_fields, n=1)
    return Problem(where, "there is no such setting" + (f"; {near[0]} is meant?" if near else ""))
