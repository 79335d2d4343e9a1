"""Run the mock shop."""

import json
import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError

from integration.mock_shop import MockShop
from integration.strict_shops import SHOPS
from integration.strict_shops.base import StrictShop


class Command(BaseCommand):
    help = "A shop to push to, on this machine. POST /_control makes it misbehave."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--address", default="127.0.0.1", help="where it listens; 0.0.0.0: everywhere")
        parser.add_argument("--port", type=int, default=8800)
        parser.add_argument("--key", help="the API key that it asks for; none: anybody may push")
        parser.add_argument("--platform", choices=sorted(SHOPS), help="a strict shop of this platform instead")
        parser.add_argument("--secret", default="secret", help="its API secret")
        parser.add_argument("--state", type=Path, help="keep the stores in this file")
        parser.add_argument(
            "--misbehave", metavar="JSON", action="append", default=[], help="from the start, as by POST /_control"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            shop = make_shop(options)
        except (ValueError, TypeError) as exc:
            raise CommandError(f"--misbehave: {exc}") from exc
        except (OSError, OverflowError) as exc:
            raise CommandError(f"port {options['port']}: {getattr(exc, 'strerror', None) or exc}") from exc
        signal.signal(signal.SIGTERM, stop)
        self.stdout.write(f"the mock shop takes pushes at {shop.endpoint('STORE_ID')}")
        self.stdout.flush()
        try:
            shop.server.serve_forever()
        except KeyboardInterrupt:
            self.stdout.write("closed")


def make_shop(options: dict[str, Any]) -> MockShop | StrictShop:
    if options["platform"]:
        return SHOPS[options["platform"]](options["port"], key=options["key"] or "key", secret=options["secret"])
    shop = MockShop(options["port"], options["key"], options["state"], options["address"])
    for how in options["misbehave"]:
        shop.misbehave(**json.loads(how))
    return shop


def stop(*args: object) -> NoReturn:
    raise KeyboardInterrupt
