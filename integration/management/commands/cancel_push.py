"""Stop an outlet's open push."""

from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from integration.management.base import OutletCommand
from integration.management.outlets import find_outlet
from integration.models import PushHistory
from integration.push_queue import cancel_push


class Command(OutletCommand):
    help = "Stop an outlet's open push; requests that are under way still end. Nothing is lost: it can be pushed again."

    def handle(self, *args: Any, **options: Any) -> None:
        outlet = find_outlet(options["outlet"], options["platform"])
        push = PushHistory.objects.filter(outlet=outlet, status__in=PushHistory.OPEN).first()
        if push is None:
            raise CommandError(f"{outlet} has no open push")
        cancel_push(push.pk, "a command", timezone.now())
        self.stdout.write(f"push {push.pk} sends nothing more")
        if options["json"]:
            self.say({"push_id": push.pk})
