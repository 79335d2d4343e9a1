"""Push outlets: by the workers, or with --wait in this process and with its progress."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from tqdm import tqdm

from integration import changes
from integration.contracts import MISCONFIGURED, contract_of
from integration.management.base import JsonCommand
from integration.management.outlets import find_outlet
from integration.models import Outlet, PushChunk, PushHistory
from integration.obstacles import CannotPush, check_ready, check_startable
from integration.push_queue import start_push
from integration.push_service import run_started, summary
from tasks.push import ring_outlet

HELD_CODE = 3  # nothing failed, and somebody has to look at what is held
WAITING = "waiting, for another process that has a part of the push or for a pause that the shop needs"


class Command(JsonCommand):
    help = "Push what changed (or with --full everything) of one outlet or of all enabled ones."

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waited: set[int] = set()

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--outlet", metavar="STORE_ID")
        which.add_argument("--all", action="store_true", help="every active outlet with push_enabled")
        parser.add_argument("--platform", help="where several platforms share a store id")
        parser.add_argument("--full", action="store_true", help="everything, not only what changed")
        parser.add_argument("--dry-run", action="store_true", help="say what would be sent, send nothing")
        parser.add_argument("--wait", action="store_true", help="push in this process and wait for the end")

    def handle(self, *args: Any, **options: Any) -> None:
        push_type = "full" if options["full"] else "partial"
        outlets = self.outlets(options)
        if not outlets:
            raise CommandError("no active outlet has push_enabled")
        results = [self.push(outlet, push_type, options) for outlet in outlets]
        for result in results:
            self.stdout.write(f"{result['store_id']}: {result['message']}")
        if options["json"]:
            self.say({"pushes": results})
        if failed := [result["store_id"] for result in results if not result["ok"]]:
            is_held = all(result["ok"] or result.get("status") == PushHistory.Status.HELD for result in results)
            code = HELD_CODE if is_held else 1
            raise CommandError(f"not everything was pushed: {', '.join(failed)}", returncode=code)

    def outlets(self, options: dict[str, Any]) -> list[Outlet]:
        if options["all"]:
            return list(Outlet.objects.filter(is_active=True, push_enabled=True).defer("api_key", "api_secret"))
        return [find_outlet(options["outlet"], options["platform"])]

    def push(self, outlet: Outlet, push_type: str, options: dict[str, Any]) -> dict[str, Any]:
        try:
            check_ready(outlet)
            if options["dry_run"]:
                return self.preview(outlet, push_type)
            return self.wait(outlet, push_type) if options["wait"] else self.enqueue(outlet, push_type)
        except (CannotPush, *MISCONFIGURED) as exc:
            return answer(outlet, False, str(exc))

    def preview(self, outlet: Outlet, push_type: str) -> dict[str, Any]:
        items = changes.items_to_push(outlet.pk, push_type, timezone.now())
        count, size = items.count(), contract_of(outlet.platform).batch_size
        requests = -(-count // size)
        check_startable(outlet, timezone.now())
        message = f"{count} items in {requests} requests would be sent"
        return answer(outlet, True, message, item_count=count, request_count=requests)

    def enqueue(self, outlet: Outlet, push_type: str) -> dict[str, Any]:
        started = ring_outlet(outlet.pk, push_type=push_type)
        if started.push is None:
            return answer(outlet, True, "nothing to push")
        how = "joined push" if started.joined else "started push"
        return answer(outlet, True, f"{how} {started.push.pk}", push_id=started.push.pk)

    def wait(self, outlet: Outlet, push_type: str) -> dict[str, Any]:
        started = start_push(outlet, push_type, PushHistory.Trigger.MANUAL, timezone.now())
        with tqdm(desc=outlet.name, unit=" items", disable=None) as bar:

            def show(chunk_id: int | None) -> None:
                if chunk_id is not None:
                    bar.update(PushChunk.objects.get(pk=chunk_id).accepted_count)
                elif started.push and started.push.pk not in self.waited:
                    self.waited.add(started.push.pk)
                    self.stderr.write(f"{outlet.store_id}: {WAITING}", self.style.NOTICE)

            ok, facts = summary(run_started(started, show))
        return answer(outlet, ok, describe(facts), **facts)


def describe(facts: dict[str, Any]) -> str:
    if facts["status"] == PushHistory.Status.HELD:
        return f"push {facts['push_id']} is held until somebody says so: manage.py held_push --push {facts['push_id']}"
    parts = [facts["status"], facts.get("response_message"), facts.get("error_details")]
    return ": ".join(part for part in parts if part)


def answer(outlet: Outlet, ok: bool, message: str, **facts: Any) -> dict[str, Any]:
    """What is in quarantine is not sent, and always mentioned."""
    quarantined = changes.count_quarantined(outlet.pk)
    if quarantined:
        message += f"; {quarantined} in quarantine, not sent: the shop has refused their values several times"
    return {"store_id": outlet.store_id, "ok": ok, "message": message, "quarantined_count": quarantined, **facts}
