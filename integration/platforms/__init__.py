"""Adapters by name: of a platform that is only a contract, and of those in `settings.PLATFORMS` that are code."""

import difflib
import functools
from typing import Any

import msgspec
from django.conf import settings
from django.utils.module_loading import import_string
from pydantic import ValidationError

from integration.platforms.base import Endpoint, Platform
from integration.platforms.contract import Contract, merged
from integration.platforms.http import HttpPlatform
from integration.platforms.presets import PRESETS


class UnknownPlatform(LookupError):
    """No adapter of this name is configured."""


class InvalidContract(ValueError):
    """A contract cannot be used; the message names each field."""


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
        raise InvalidContract(f"the contract of {name}: unknown preset {preset!r}; known: {', '.join(PRESETS)}")
    base = PRESETS[preset] if preset else PRESETS.get(name, adapter.default_contract)
    try:
        return compile_contract(base.model_dump_json(), msgspec.json.encode(changes))
    except ValidationError as exc:
        problems = "; ".join(describe(error) for error in exc.errors())
        raise InvalidContract(f"the contract of {name}: {problems}") from exc


@functools.lru_cache(maxsize=100)
def compile_contract(base: str, changes: bytes) -> Contract:
    return Contract.model_validate(merged(msgspec.json.decode(base), msgspec.json.decode(changes)))


def describe(error: Any) -> str:
    """A field's error; for a name that nobody knows, with the one that may be meant."""
    where = ".".join(map(str, error["loc"]))
    if error["type"] != "extra_forbidden":
        return f"{where}: {error['msg']}" if where else error["msg"]
    near = difflib.get_close_matches(str(error["loc"][-1]), Contract.model_fields, n=1)
    return f"{where}: there is no such setting" + (f"; {near[0]} is meant?" if near else "")
