"""Send a test alert, and say what came of it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from integration.alert_delivery import send_test
from integration.management.base import JsonCommand
from integration.models import AlertTarget


class Command(JsonCommand):
    help = "Send a test to a target of alerts, or to all that are switched on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--target", metavar="NAME", help="only this one, also if it is switched off")

    def handle(self, *args: Any, **options: Any) -> None:
        which = {"name": options["target"]} if options["target"] else {"is_active": True}
        targets = AlertTarget.objects.filter(**which).defer("url").order_by("name")
        if not targets:
            raise CommandError("there is no such target of alerts: add one on the page Alerts")
        errors = {target.name: send_test(target, timezone.now()) for target in targets}
        failed = [f"{name}: {error}" for name, error in errors.items() if error]
        for name in (name for name, error in errors.items() if not error):
            self.stdout.write(f"{name}: sent")
        if options["json"]:
            self.say({"errors": errors})
        if failed:
            raise CommandError("; ".join(failed))
