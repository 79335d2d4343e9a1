"""What the commands share: results for people, one JSON object for programs, and one clear line for a mistake."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class JsonCommand(BaseCommand):
    """With --json, the last line is one JSON object, also where the command fails: {"error": ...}."""

    said = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object as the last line")

    def say(self, facts: dict[str, Any]) -> None:
        self.said = True
        self.stdout.write(json.dumps(facts))

    def execute(self, *args: Any, **options: Any) -> Any:
        self.said = False
        try:
            return super().execute(*args, **options)
        except KeyboardInterrupt:
            raise CommandError("interrupted", returncode=130) from None
        except CommandError as exc:
            if options.get("json") and not self.said:
                self.say({"error": str(exc)})
            raise


class OutletCommand(JsonCommand):
    """A command for one outlet."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--outlet", metavar="STORE_ID", required=True)
        parser.add_argument("--platform", help="where several platforms share a store id")
