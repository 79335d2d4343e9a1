"""What a held push would do; and with --release or --discard, what becomes of it."""

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from integration.contracts import contract_or_default
from integration.guard import look
from integration.history import read_push
from integration.holds import discard_push, release_push
from integration.management.base import JsonCommand
from integration.models import PushHistory
from integration.obstacles import CannotPush
from tasks.push import ring

WHO = "a command"


class Command(JsonCommand):
    help = "Say what a held push would do; send it after all, or discard it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--push", type=int, metavar="ID", required=True)
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--release", action="store_true", help="send it after all")
        what.add_argument("--discard", action="store_true", help="end it; the next push is judged anew")

    def handle(self, *args: Any, **options: Any) -> None:
        push = read_push(options["push"])
        if push is None or push.status != PushHistory.Status.HELD:
            raise CommandError(f"push {options['push']} is not held")
        findings = asdict(look(push, contract_or_default(push.platform), timezone.now()).findings)
        self.stdout.write(f"push {push.pk} of {push.outlet} {self.act(push, options)}: {describe(findings)}")
        if options["json"]:
            self.say({"push_id": push.pk, **findings})

    def act(self, push: PushHistory, options: dict[str, Any]) -> str:
        try:
            if options["release"]:
                ring(release_push(push.pk, timezone.now()))
                return "is sent after all"
        except CannotPush as exc:
            raise CommandError(str(exc)) from exc
        if options["discard"]:
            ring(discard_push(push.pk, WHO, timezone.now()))
            return "is discarded"
        return "is held"


def describe(findings: dict[str, Any]) -> str:
    gone = f" ({findings['gone_count']} went within the last hour)" if findings["gone_count"] else ""
    return f"{findings['stock_count']} items going out of stock{gone}, {findings['leap_count']} prices moving far"
