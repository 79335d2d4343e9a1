"""How a command finds the outlet that was named on its command line."""

from django.core.management.base import CommandError

from integration.encryption import WrongEncryptionKey
from integration.models import Outlet


def find_outlet(store_id: str, platform: str | None = None) -> Outlet:
    found = Outlet.objects.filter(store_id=store_id)
    if platform:
        found = found.filter(platform=platform)
    try:
        outlets = list(found[:2])
    except WrongEncryptionKey as exc:
        raise CommandError(f"the outlet's secrets cannot be read: {exc}") from exc
    if len(outlets) == 1:
        return outlets[0]
    if outlets:
        platforms = ", ".join(found.values_list("platform", flat=True))
        raise CommandError(f"store id {store_id!r} is on several platforms ({platforms}): name one with --platform")
    raise CommandError(f"no outlet has the store id {store_id!r}; {_known(platform)}")


def _known(platform: str | None) -> str:
    outlets = Outlet.objects.filter(platform=platform) if platform else Outlet.objects.all()
    names = [f"{store_id} ({name})" for store_id, name in outlets.values_list("store_id", "platform")[:50]]
    return f"known: {', '.join(names)}" if names else "there are no outlets yet"
