"""Compare what an outlet's shop has with what it has acknowledged; the workers send again what differs."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from integration.management.base import OutletCommand
from integration.management.outlets import find_outlet
from integration.models import Reconciliation
from integration.reconciliation import run_reconciliation
from integration.reconciliation_queue import Sends, want_one
from tasks import push

COUNTS = ("item", "compared", "equal", "differing", "missing", "extra", "malformed", "unreadable", "skipped", "sent")
WORDS = {
    "differing": "have other values in the shop",
    "missing": "are missing in the shop",
    "extra": "are only in the shop",
    "malformed": "of the shop's cannot be read",
    "skipped": "were waiting to be sent and are not compared",
    "sent": "are sent again",
}


class Command(OutletCommand):
    help = "Compare what the shop has with what it has acknowledged; ends with 1 where they differ."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--no-send", action="store_true", help="only compare: send nothing again")
        parser.add_argument("--send-all", action="store_true", help="send again whatever differs, however much it is")

    def handle(self, *args: Any, **options: Any) -> None:
        outlet = find_outlet(options["outlet"], options["platform"])
        sends = Sends.NOTHING if options["no_send"] else Sends.ALL if options["send_all"] else Sends.USUAL
        row, is_new = want_one(outlet.pk, timezone.now(), sends=sends)
        if not is_new:
            raise CommandError(f"{outlet} is being compared already, since {timezone.localtime(row.created_at):%H:%M}")
        push.ring(run_reconciliation(row.pk, timezone.now()))
        row.refresh_from_db()
        self.show(row)
        if options["json"]:
            self.say(facts_of(row))
        if row.status != Reconciliation.Status.EQUAL:
            raise CommandError(f"{outlet}: {row.error or 'the shop differs from the dashboard'}")

    def show(self, row: Reconciliation) -> None:
        if row.status not in Reconciliation.ENDED:
            return
        self.stdout.write(f"proved equal: {row.equal_count:,} of {row.item_count:,} items")
        for name, words in WORDS.items():
            if count := getattr(row, f"{name}_count"):
                self.stdout.write(f"{count:,} {words}")
        if row.is_held:
            self.stdout.write("nothing is sent again: that is far too much. Look at the contract, then use --send-all")
        for one in row.differences.all()[:20]:
            ours = "–" if one.pushed_price is None else f"{one.pushed_price} {one.pushed_stock_status}"
            shop = f"{one.shop_price} {one.shop_stock_status}" if one.shop_price else one.reason or "–"
            self.stdout.write(f"  {one.sku}: {one.kind}, acknowledged {ours}, the shop has {shop}")


def facts_of(row: Reconciliation) -> dict[str, Any]:
    counts = {f"{name}_count": getattr(row, f"{name}_count") for name in COUNTS}
    about = {"reconciliation": row.pk, "store_id": row.outlet.store_id, "status": row.status, "error": row.error}
    return {**about, **counts, "is_held": row.is_held, "push": row.push_id}
