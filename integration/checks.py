"""What is wrong with the settings, said at the start and with the way out."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

import celeryconfig
from dashboard import env
from integration.contracts import configured_contract
from integration.encryption import WrongEncryptionKey
from integration.models import Outlet
from integration.platforms import InvalidContract, UnknownPlatform

KEY_HINT = "Put the key that they were encrypted with back into ENCRYPTION_KEYS (after a comma), or enter them again."


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


@register(deploy=True)
def check_dashboard_url(**kwargs: Any) -> list[CheckMessage]:
    """Alerts can lead to the page where something is to be done."""
    if settings.DASHBOARD_URL:
        return []
    hint = "Set DASHBOARD_URL to the address under which people open the dashboard: https://prices.example.com"
    return [Warning("DASHBOARD_URL is not set, so alerts hold no links", hint=hint, id="integration.W001")]


@register(deploy=True)
def check_lease(**kwargs: Any) -> list[CheckMessage]:
    """A claim that runs out while its worker still sends would have the chunk sent twice."""
    least, most = celeryconfig.task_time_limit, env.VISIBILITY_SECONDS
    if least < settings.CHUNK_LEASE_SECONDS < most:
        return []
    problem = f"CHUNK_LEASE_SECONDS={settings.CHUNK_LEASE_SECONDS} is not between {least} and {most}"
    hint = f"A task may take {least} s, and a message that nobody has answered comes again after {most} s: 150 is good."
    return [Warning(problem, hint=hint, id="integration.W002")]


@register(Tags.database)
def check_encryption_keys(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Every stored secret can be decrypted. Runs with `migrate`, and with `check --database default`."""
    if not databases or Outlet._meta.db_table not in connections["default"].introspection.table_names():
        return []
    outlets = Outlet.objects.exclude(api_key="", api_secret="").values_list("pk", "platform", "store_id")
    unreadable = [f"{store_id} ({platform})" for pk, platform, store_id in outlets if not is_readable(pk)]
    if not unreadable:
        return []
    problem = f"none of ENCRYPTION_KEYS decrypts the secrets of {', '.join(unreadable)}"
    return [Error(problem, hint=KEY_HINT, id="integration.E100")]


def is_readable(outlet_id: int) -> bool:
    try:
        return bool(Outlet.objects.only("api_key", "api_secret").get(pk=outlet_id))
    except WrongEncryptionKey:
        return False
