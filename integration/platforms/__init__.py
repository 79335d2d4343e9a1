"""Adapters, found by dotted path in `settings.PLATFORMS` and loaded when first used."""

from django.conf import settings
from django.utils.module_loading import import_string
from pydantic import ValidationError

from integration.platforms.base import Endpoint, Platform
from integration.platforms.contract import Contract


class UnknownPlatform(LookupError):
    """No adapter of this name is configured."""


class InvalidContract(ValueError):
    """What CONTRACTS says of a platform cannot be used; the message names each field."""


def adapter_class(name: str) -> type[Platform]:
    try:
        path = settings.PLATFORMS[name]
    except KeyError as exc:
        known = ", ".join(sorted(settings.PLATFORMS))
        raise UnknownPlatform(f"unknown platform {name!r}; known: {known}") from exc
    try:
        adapter: type[Platform] = import_string(path)
    except ImportError as exc:
        raise UnknownPlatform(f"the adapter of {name} cannot be loaded: {exc}") from exc
    return adapter


def contract_of(name: str) -> Contract:
    """The platform's default contract with what the configuration changes of it."""
    defaults = adapter_class(name).default_contract.model_dump()
    changes = settings.CONTRACTS.get(name, {})
    changes = {**changes, "fields": {**defaults["fields"], **changes.get("fields", {})}}
    try:
        return Contract.model_validate({**defaults, **changes})
    except ValidationError as exc:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors())
        raise InvalidContract(f"the contract of {name}: {problems}") from exc


def load(name: str, endpoint: Endpoint) -> Platform:
    return adapter_class(name)(contract_of(name), endpoint)
