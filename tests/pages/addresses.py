"""Every address of the dashboard, with something to be seen there."""

import gzip
from collections.abc import Iterator
from datetime import datetime

from django.contrib.auth import get_user_model
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from integration.contracts import store_contract
from integration.models import (
    AlertTarget,
    Difference,
    Outlet,
    OutletProduct,
    ProductUpload,
    PushAttempt,
    Reconciliation,
    make_token,
)
from integration.push_service import PushService
from tests.conftest import stock


def patterns(resolver: URLResolver) -> Iterator[URLPattern]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern):
            yield entry
        elif entry.namespace != "admin":
            yield from patterns(entry)


def make_comparison(outlet: Outlet, now: datetime) -> Reconciliation:
    """One that has found something of everything."""
    about = {"trigger": "schedule", "status": "different", "error": "it is sent with the next push: a reason"}
    counts = {"item_count": 9, "compared_count": 7, "differing_count": 1, "missing_count": 1, "sent_count": 1}
    more = {"extra_count": 1, "malformed_count": 1, "skipped_count": 1, "unreadable_count": 1, "is_held": True}
    times = {"created_at": now, "started_at": now, "finished_at": now}
    row = Reconciliation.objects.create(outlet=outlet, **about, **counts, **more, **times)
    for kind in Difference.Kind.values:
        Difference.objects.create(reconciliation=row, kind=kind, sku="s00000", shop_price="1.00", reason="a reason")
    return row


def make_addresses(outlet: Outlet) -> dict[str, str]:
    """Each name with an address at which there is something."""
    stock(outlet, 1)
    push_id = PushService(outlet).push()[1]["push_id"]
    owner = get_user_model().objects.create_user("owner")
    now = timezone.now()
    ids = {
        "outlet_id": outlet.pk,
        "upload_id": ProductUpload.objects.create(
            outlet=outlet, file_name="feed.csv", byte_count=1, created_at=now, content=gzip.compress(b"")
        ).pk,
        "version_id": store_contract("memory", "", {"batch_size": 2}, now).pk,
        "task_id": PeriodicTask.objects.get(task="tasks.maintenance.sweep").pk,
        "token_id": make_token("till", owner.pk, None, now)[0].pk,
        "target_id": AlertTarget.objects.create(name="mail", url="json://localhost", kind="Webhook", created_at=now).pk,
        "push_id": push_id,
        "reconciliation_id": make_comparison(outlet, now).pk,
        "attempt_id": PushAttempt.objects.filter(chunk__push=push_id).latest("pk").pk,
        "product_id": OutletProduct.objects.filter(outlet=outlet).latest("pk").product_id,
    }
    found = {}
    for pattern in patterns(get_resolver()):
        names = pattern.pattern.converters
        found[str(pattern.name)] = reverse(str(pattern.name), kwargs={name: ids[name] for name in names})
    return found
