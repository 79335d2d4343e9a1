"""Builds the large chain in the database that Django is connected to, and asks for every page of it.

Run by `benchmarks.pages`, once for each database.
"""

import json
import logging
import re
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.db.models import Count
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from benchmarks.chain import build
from integration.models import ContractVersion, Outlet, OutletProduct, ProductUpload, PushHistory, RejectedItem
from integration.sums import add_up
from integration.urls import urlpatterns

RUNS = 5


class Page(NamedTuple):
    """A page and how it is asked for; names in braces are filled in from `known_rows`."""

    view: str
    query: str = ""
    arguments: tuple[str, ...] = ()
    is_htmx: bool = False

    @property
    def name(self) -> str:
        whose = "".join(f" {argument}" for argument in self.arguments if argument != self.view)
        return f"{self.view}{whose}{'?' if self.query else ''}{self.query}{' (live)' if self.is_htmx else ''}"


PAGES = (
    Page("outlets"),
    Page("outlets", "page=2"),
    Page("outlets", "search=fuj"),
    Page("outlets", "platform=talabat"),
    Page("outlets", "location=Ajman"),
    Page("outlets", "state=trouble"),
    Page("outlets", "state=waiting"),
    Page("outlets", "state=in_sync"),
    Page("outlets", is_htmx=True),
    Page("outlet_add"),
    Page("push_start", arguments=("outlet",)),
    Page("export_feed"),
    Page("export_feed", "outlet={outlet}"),
    Page("product_update"),
    Page("product_update", "outlet={outlet}"),
    Page("upload", arguments=("upload",)),
    Page("update_list"),
    Page("update_list", "outlet={outlet}"),
    Page("api_settings"),
    Page("api_settings", "outlet={outlet}"),
    Page("contract"),
    Page("contract", "platform=talabat"),
    Page("contract_version", arguments=("version",)),
    Page("push_list"),
    Page("push_list", "page=500"),
    Page("push_list", "outlet={outlet}"),
    Page("push_list", "status=failed"),
    Page("push_list", "status=running"),
    Page("push_list", "push_type=full"),
    Page("push_list", "trigger=manual"),
    Page("push_list", "retried=on"),
    Page("push_list", "since={today}"),
    Page("push_list", "until={last_week}"),
    Page("push_list", "outlet={outlet}&status=failed&trigger=manual"),
    Page("push_list", is_htmx=True),
    Page("push", arguments=("push",)),
    Page("push", arguments=("large_push",)),
    Page("push", "list=requests&page=10", ("large_push",)),
    Page("attempt", arguments=("push", "attempt")),
    Page("tokens"),
    Page("products"),
    Page("products", "q=9340000012345"),
    Page("products", "q=93400000123"),
    Page("products", "q=Saffron"),
    Page("products", "q=Honey"),
    Page("products", "outlet={outlet}"),
    Page("products", "outlet={outlet}&q=Honey"),
    Page("products", "outlet={outlet}&state=waiting"),
    Page("products", "outlet={unsynced_outlet}&state=waiting"),
    Page("products", "outlet={refusing_outlet}&state=refused"),
    Page("product", arguments=("product",)),
    Page("product", "outlet={outlet}", ("product",)),
    Page("rejected_items"),
    Page("rejected_items", "group={group}"),
    Page("rejected_items", "outlet={refusing_outlet}"),
    Page("rejected_items", "held=true"),
    Page("rejected_items", "q=price"),
    Page("schedule"),
    Page("timeline"),
    Page("timeline", "page=20"),
    Page("timeline", "outlet={outlet}"),
    Page("timeline", "person={person}"),
    Page("push_history", "outlet_id={outlet}"),
    Page("metrics"),
)


def measure_all(path: str) -> None:
    """Build, ask for every page, and write {"built": seconds, "pages": [...], "unasked": [...]} to `path`."""
    started = time.monotonic()
    call_command("migrate", verbosity=0)
    build(timezone.now())
    add_up(timezone.now())
    built = time.monotonic() - started
    settings.ALLOWED_HOSTS = ["testserver"]
    logging.disable(logging.CRITICAL)
    client = Client(raise_request_exception=False)
    client.force_login(get_user_model().objects.get())
    rows = known_rows(client)
    pages = [measure(client, page, rows) for page in PAGES]
    names = {pattern.name for pattern in urlpatterns if pattern.name}
    unasked = sorted(names - {page.view for page in PAGES})
    Path(path).write_text(json.dumps({"built": built, "pages": pages, "unasked": unasked}), encoding="utf-8")


def known_rows(client: Client) -> dict[str, Any]:
    """What the addresses name: typical rows, and the worst ones."""
    push = PushHistory.objects.filter(status="partial", chunks__isnull=False).order_by("-pk").first()
    assert push is not None
    item = OutletProduct.objects.filter(outlet=push.outlet_id).order_by("pk").first()
    assert item is not None
    refusing = RejectedItem.objects.values_list("outlet_product__outlet").annotate(count=Count("pk"))
    large = PushHistory.objects.order_by("-item_count").values_list("pk", flat=True).first()
    group = re.search(r"group=([^\"&]+)", client.get(reverse("rejected_items")).content.decode())
    today = timezone.localdate()
    return {
        "outlet": push.outlet_id,
        "push": push.pk,
        "attempt": push.chunks.values_list("attempts", flat=True).first(),
        "large_push": large,
        "product": item.product_id,
        "unsynced_outlet": Outlet.objects.order_by("pk").values_list("pk", flat=True).first(),
        "refusing_outlet": refusing.order_by("-count")[0][0],
        "upload": ProductUpload.objects.values_list("pk", flat=True).first(),
        "version": ContractVersion.objects.values_list("pk", flat=True).first(),
        "person": get_user_model().objects.get().pk,
        "group": group[1] if group else "",
        "today": today,
        "last_week": today - timedelta(days=7),
    }


def measure(client: Client, page: Page, rows: dict[str, Any]) -> dict[str, Any]:
    """The first time counts queries and fills caches; the others count."""
    query = page.query.format(**rows)
    address = reverse(page.view, args=[rows[name] for name in page.arguments]) + (query and f"?{query}")
    headers = {"HX-Request": "true"} if page.is_htmx else {}
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address, headers=headers)
        byte_count = len(answer.getvalue())
    facts = {"page": page.name, "status": answer.status_code, "queries": len(queries), "bytes": byte_count}
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        client.get(address, headers=headers).getvalue()
        times.append((time.perf_counter() - started) * 1000)
    return {**facts, "times": times}
