"""Ask an outlet's shop whether it is there and lets us in. Changes nothing in the shop."""

import dataclasses
from typing import Any

from django.core.management.base import CommandError

from integration.management.base import OutletCommand
from integration.management.outlets import find_outlet
from integration.platforms import InvalidContract, UnknownPlatform
from integration.push_service import PushService


class Command(OutletCommand):
    help = "Test the connection to an outlet's shop; nothing is changed there."

    def handle(self, *args: Any, **options: Any) -> None:
        outlet = find_outlet(options["outlet"], options["platform"])
        if not outlet.api_endpoint and outlet.platform != "memory":
            raise CommandError(f"{outlet} has no API endpoint: set api_endpoint")
        try:
            result = PushService(outlet).test_connection()
        except (UnknownPlatform, InvalidContract) as exc:
            raise CommandError(str(exc)) from exc
        if options["json"]:
            self.say(dataclasses.asdict(result))
        if not result.ok:
            raise CommandError(f"{outlet}: {result.kind}: {result.message} ({result.elapsed_ms} ms)")
        if not options["json"]:
            self.stdout.write(f"{outlet}: {result.message} ({result.elapsed_ms} ms)")
