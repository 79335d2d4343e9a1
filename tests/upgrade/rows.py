"""What the previous release's code has written, or still writes: a row of every kind, and a push in mid-flight."""

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

PRODUCTS = 6
OLD_PRICE, PRICE = Decimal("9.50"), Decimal("10.00")


class Writer:
    """Writes with the models of one state of the migrations; `mark` keeps several of its kind apart."""

    def __init__(self, apps: Any, mark: str) -> None:
        self.apps = apps
        self.mark = mark
        self.now = timezone.now() - timedelta(minutes=30)

    def add(self, model: str, **values: Any) -> Any:
        label, _, name = model.rpartition(".")
        return self.apps.get_model(label or "integration", name).objects.create(**values)

    def fill(self) -> Any:
        """One row of every kind; the outlet whose push is under way."""
        user = self.add("auth.User", username=f"amal-{self.mark}")
        outlet = self.add_outlet(f"{self.mark}-007")
        products = self.add_products(outlet)
        self.add_ended_push(outlet, user)
        self.add_open_push(outlet, user, products)
        self.add_facts(outlet, products)
        return outlet

    def add_outlet(self, store_id: str) -> Any:
        return self.add(
            "Outlet", platform="memory", store_id=store_id, name="Deira", api_key="a-key", push_enabled=True
        )

    def add_products(self, outlet: Any) -> list[Any]:
        """All of them were acknowledged at an older price, and the last one never."""
        found = []
        for number in range(PRODUCTS):
            product = self.add("Product", sku=f"{self.mark}-{number:04d}", name="Rice")
            pushed = {"pushed_price": OLD_PRICE, "pushed_stock_status": 1, "pushed_at": self.now}
            known = pushed if number < PRODUCTS - 1 else {}
            values = {"outlet": outlet, "product": product, "selling_price": PRICE, "stock_status": 1, **known}
            found.append(self.add("OutletProduct", **values))
        return found

    def add_ended_push(self, outlet: Any, user: Any) -> None:
        push = self.add_push(outlet, user, status="success", finished_at=self.now, item_count=1, accepted_count=1)
        chunk = self.add("PushChunk", push=push, first_id=1, last_id=1, status="done", item_count=1, accepted_count=1)
        self.add_attempt(chunk, [[1, "9.50", 1]], finished_at=self.now, outcome="done", response_code=200)

    def add_push(self, outlet: Any, user: Any, **values: Any) -> Any:
        times = {"push_timestamp": self.now - timedelta(minutes=5), "push_type": "full", "trigger": "manual"}
        return self.add("PushHistory", outlet=outlet, platform="memory", created_by=user, **{**times, **values})

    def add_attempt(self, chunk: Any, items: list[Any], **values: Any) -> None:
        kept = {"chunk": chunk, "number": 1, "started_at": self.now, "items": items, "item_count": len(items)}
        self.add("PushAttempt", **{**kept, **values})

    def add_open_push(self, outlet: Any, user: Any, products: list[Any]) -> None:
        """A chunk is done, one belongs to a worker that has died in its request, one waits; and more was asked for."""
        push = self.add_push(outlet, user, status="running", next_push_type="full", next_trigger="product_update")
        keys = [product.product_id for product in products]
        first = {"first_id": keys[0], "last_id": keys[1], "item_count": 2}
        done = self.add("PushChunk", push=push, status="done", accepted_count=2, attempt_count=1, **first)
        items = [[product.pk, "10.00", 1] for product in products]
        self.add_attempt(done, items[:2], finished_at=self.now, outcome="done", response_code=200)
        for product in products[:2]:
            product.pushed_price = PRICE
            product.save(update_fields=["pushed_price"])
        died = {"claim_token": uuid.uuid4(), "claimed_until": self.now, "attempt_count": 1}
        sending = self.add("PushChunk", push=push, status="sending", first_id=keys[2], last_id=keys[3], **died)
        self.add_attempt(sending, items[2:4])
        self.add("PushChunk", push=push, status="waiting", first_id=keys[4], last_id=keys[5])

    def add_facts(self, outlet: Any, products: list[Any]) -> None:
        times = {"first_rejected_at": self.now, "last_rejected_at": self.now, "quarantined_at": self.now}
        values = {"rejected_price": "9.00", "rejected_stock_status": 0, "identical_count": 3}
        self.add("RejectedItem", outlet_product=products[5], reason="no such SKU", **values, **times)
        self.add("EndpointHealth", outlet=outlet, failure_count=2, reason="timeout")
        self.add("DailySum", outlet=outlet, date=self.now.date(), push_count=3, item_count=300)
        rescues = self.apps.get_model("integration", "Rescue").objects
        rescues.get_or_create(date=self.now.date(), kind="abandoned", defaults={"count": 2})


def edit_schedule(apps: Any) -> None:
    """What somebody has set: every ten minutes instead of thirty, and a push by night."""
    interval = apps.get_model("django_celery_beat", "IntervalSchedule").objects.create(every=10, period="minutes")
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects
    tasks.filter(task="tasks.push.push_all_outlets").update(interval=interval)
    crontab = apps.get_model("django_celery_beat", "CrontabSchedule").objects.create(hour="3", minute="15")
    tasks.create(name="By night", task="tasks.push.push_all_outlets", crontab=crontab)
