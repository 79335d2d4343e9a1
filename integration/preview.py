"""What a push would send, and how an answer would be read; nothing is sent."""

from datetime import datetime

from integration import changes
from integration.contracts import contract_of
from integration.models import Outlet
from integration.platforms import load
from integration.platforms.base import Item, Platform, Preview, SendResult
from integration.sending import endpoint_of


def preview_requests(outlet: Outlet, item_count: int, now: datetime) -> list[Preview]:
    """The requests for the first items that a push would send; secrets are masked."""
    items = first_items(outlet, item_count, now)
    return find_adapter(outlet).preview(items) if items else []


def preview_answer(outlet: Outlet, item_count: int, now: datetime, status: int, body: bytes) -> SendResult:
    """How this answer to that request would be read."""
    return find_adapter(outlet).read_sample(status, body, first_items(outlet, item_count, now))


def find_adapter(outlet: Outlet) -> Platform:
    return load(outlet.platform, contract_of(outlet.platform), endpoint_of(outlet))


def first_items(outlet: Outlet, count: int, now: datetime) -> list[Item]:
    """Those that a partial push would send, or where it would send none, those of a full one."""
    size = min(count, contract_of(outlet.platform).batch_size)
    for push_type in ("partial", "full"):
        if items := changes.read_items(changes.items_to_push(outlet.pk, push_type, now), 0, 2**62, size):
            return items
    return []
