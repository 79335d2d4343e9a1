"""Show the whole way: a sample chain, a mock shop, real workers; and compare what arrived, item by item."""

import json
import os
import shutil
import sys
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q, Sum
from django.utils import timezone
from tqdm import tqdm

from dashboard import env, processes
from dashboard.supervisor import StartFailed, Supervisor
from integration.demo_chain import DEMO_KEY, change_sample, compare, load_sample_chain, shop_state
from integration.demo_records import READ_BACK
from integration.models import Outlet, OutletProduct, PushChunk, PushHistory, Reconciliation
from tasks.push import ring_outlet
from tasks.reconcile import ring_comparison

CHANGED = 100  # products of each outlet
PATIENCE_SECONDS = 300
CONTRACTS = json.dumps({"pasons": READ_BACK})


class Command(BaseCommand):
    help = "Push a sample chain to a mock shop, change it, push the changes, compare item by item; then clean up."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
        parser.add_argument("--in", dest="folder", type=Path, help="an empty folder for its data; default: a new one")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["folder"] != settings.DATA_DIR:
            start_again(options)
        try:
            rows = self.play(options["folder"])
        except KeyboardInterrupt:
            shutil.rmtree(options["folder"])
            raise CommandError("interrupted", returncode=130) from None
        except (StartFailed, DemoStuck) as exc:
            raise CommandError(f"{exc}; its logs and data stay in {options['folder']}") from exc
        self.show(rows, options["json"])
        if any(row["different"] for row in rows):
            raise CommandError(f"the shop differs from the dashboard; logs and data stay in {options['folder']}")
        shutil.rmtree(options["folder"])

    def play(self, folder: Path) -> list[dict[str, Any]]:
        port = processes.free_port()
        shop = processes.mock_shop(port, DEMO_KEY, folder / "shop.sqlite3")
        programs = [processes.broker(), shop, processes.worker(), processes.beat()]
        with Supervisor(programs, folder / "logs", self.stdout.write) as supervisor:
            self.stdout.write("starting a broker, a mock shop, a worker and beat ...")
            call_command("migrate", verbosity=0)
            supervisor.start()
            outlets = load_sample_chain(f"http://127.0.0.1:{port}", timezone.now())
            for outlet in outlets:
                ring_outlet(outlet.pk, push_type=PushHistory.PushType.FULL)
            wait_for_pushes(supervisor, "full push of everything")
            changed = {outlet.pk: change_sample(outlet, CHANGED) for outlet in outlets}
            wait_for_pushes(supervisor, "push after the product update")
            self.stdout.write("reading back what the shop has ...")
            proofs = [prove(supervisor, outlet) for outlet in outlets]
            shop_url = f"http://127.0.0.1:{port}"
            return [
                {**row(outlet, changed[outlet.pk], shop_url), "proved": proof.equal_count}
                for outlet, proof in zip(outlets, proofs, strict=True)
            ]

    def show(self, rows: list[dict[str, Any]], as_json: bool) -> None:
        line = "{outlet:<24} {products:>9} {pushed_in_full:>14} {changed:>8} {pushed_as_changes:>17} {different:>10}"
        line += " {proved:>7}"
        names = {name: name.replace("_", " ") for name in rows[0]}
        for values in (names, *rows):
            self.stdout.write(line.format(**values))
        different = sum(row["different"] for row in rows)
        total = sum(row["products"] for row in rows)
        self.stdout.write(f"{total - different} of {total} items agree in dashboard and shop")
        proved = sum(row["proved"] for row in rows)
        self.stdout.write(f"{proved} of {total} items are proved equal by the service's own comparison")
        if as_json:
            self.stdout.write(json.dumps({"outlets": rows, "different": different}))


class DemoStuck(Exception):
    """The pushes have not ended in the time that they should need."""


def start_again(options: dict[str, Any]) -> None:
    """In a folder of its own: a demo must not touch the dashboard's data, nor somebody's broker."""
    folder = (options["folder"] or Path(tempfile.mkdtemp(prefix="demo-"))).resolve()
    if folder.exists() and any(folder.iterdir()):
        raise CommandError(f"{folder} is not empty")
    command = [sys.executable, str(env.BASE_DIR / "manage.py"), "demo", "--in", str(folder)]
    variables = env.unconfigured(DATA_DIR=str(folder), CONTRACTS=CONTRACTS)
    sys.stdout.flush()
    os.execve(sys.executable, command + ["--json"] * options["json"], variables)


def wait_for_pushes(supervisor: Supervisor, label: str) -> None:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    pushes = PushHistory.objects.filter(status__in=PushHistory.OPEN)
    ids = list(pushes.values_list("pk", flat=True))
    with tqdm(desc=label, unit=" items", disable=None) as bar:
        while pushes.exists() or OutletProduct.objects.filter(differs=True).exists():
            supervisor.check()
            done = PushChunk.objects.filter(push__in=ids).aggregate(
                accepted=Sum("accepted_count", default=0), all=Sum("item_count", default=0)
            )
            bar.update(done["accepted"] - bar.n)
            if time.monotonic() > ends_at:
                raise DemoStuck(f"the pushes have not ended after {PATIENCE_SECONDS} s")
            time.sleep(0.1)


def prove(supervisor: Supervisor, outlet: Outlet) -> Reconciliation:
    """A worker compares what the shop has with what it has acknowledged."""
    comparison, _ = ring_comparison(outlet.pk, None)
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while comparison.is_open:
        supervisor.check()
        if time.monotonic() > ends_at:
            raise DemoStuck(f"the comparison has not ended after {PATIENCE_SECONDS} s")
        time.sleep(0.1)
        comparison.refresh_from_db()
    return comparison


def row(outlet: Outlet, changed: int, shop_url: str) -> dict[str, Any]:
    pushes = PushHistory.objects.filter(outlet=outlet)
    full, partial = Q(push_type=PushHistory.PushType.FULL), Q(push_type=PushHistory.PushType.PARTIAL)
    sent = pushes.aggregate(
        full=Sum("accepted_count", filter=full, default=0), partial=Sum("accepted_count", filter=partial, default=0)
    )
    return {
        "outlet": outlet.name,
        "products": outlet.products.count(),
        "pushed_in_full": sent["full"],
        "changed": changed,
        "pushed_as_changes": sent["partial"],
        "different": len(compare(outlet, shop_state(shop_url, outlet.store_id))),
    }
