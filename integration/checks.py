"""What is wrong with the settings, said at the start and with the way out."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from integration.contracts import configured_contract
from integration.platforms import InvalidContract, UnknownPlatform


@register()
def check_contracts(**kwargs: Any) -> list[CheckMessage]:
    """Every platform that CONTRACTS names is there, and its contract is valid."""
    found: list[CheckMessage] = []
    for number, name in enumerate(settings.CONTRACTS):
        try:
            configured_contract(name)
        except (UnknownPlatform, InvalidContract) as exc:
            found.append(Error(f"CONTRACTS: {exc}", id=f"integration.E{number + 1:03d}"))
    return found
