"""Stop an outlet's open push."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from integration.management.outlets import find_outlet
from integration.models import PushHistory
from integration.push_queue import cancel_push


class Command(BaseCommand):
    help = "Stop an outlet's open push; requests that are under way still end. Nothing is lost: it can be pushed again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--outlet", metavar="STORE_ID", required=True)
        parser.add_argument("--platform", help="where several platforms share a store id")
        parser.add_argument("--json", action="store_true", help="one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        outlet = find_outlet(options["outlet"], options["platform"])
        push = PushHistory.objects.filter(outlet=outlet, status__in=PushHistory.OPEN).first()
        if push is None:
            raise CommandError(f"{outlet} has no open push")
        cancel_push(push.pk, "a command", timezone.now())
        message = f"push {push.pk} sends nothing more"
        self.stdout.write(json.dumps({"push_id": push.pk, "message": message}) if options["json"] else message)
