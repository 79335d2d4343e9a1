"""Run the mock shop."""

import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError

from integration.mock_shop import MockShop


class Command(BaseCommand):
    help = "A shop to push to, on this machine. POST /_control makes it misbehave."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8800)
        parser.add_argument("--key", help="the API key that it asks for; none: anybody may push")
        parser.add_argument("--state", type=Path, help="keep the stores in this file")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            shop = MockShop(options["port"], options["key"], options["state"])
        except (OSError, OverflowError) as exc:
            raise CommandError(f"port {options['port']}: {getattr(exc, 'strerror', None) or exc}") from exc
        signal.signal(signal.SIGTERM, stop)
        self.stdout.write(f"the mock shop takes pushes at {shop.url}/stores/STORE_ID/products")
        try:
            shop.server.serve_forever()
        except KeyboardInterrupt:
            self.stdout.write("closed")


def stop(*args: object) -> NoReturn:
    raise KeyboardInterrupt
