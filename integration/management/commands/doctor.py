"""Say what is set up wrong."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from integration.diagnosis import CHECKS, Result, diagnose
from integration.management.base import JsonCommand


class Command(JsonCommand):
    help = "Say what is set up wrong and what to do; ends with 1 where something is."
    requires_system_checks = []  # it says itself what they would

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--only", choices=list(CHECKS), default="", help="one check")

    def handle(self, *args: Any, **options: Any) -> None:
        results = diagnose(timezone.now(), options["only"])
        for result in results:
            self.show(result)
        is_well = not any(result.problems or result.skipped for result in results)
        if options["json"]:
            self.say({"ok": is_well, "checks": [facts_of(result) for result in results]})
        if not is_well:
            raise CommandError("something is set up wrong")

    def show(self, result: Result) -> None:
        if result.skipped:
            self.stdout.write(f"?    {result.name}: not known without the {result.skipped}")
        elif not result.problems:
            self.stdout.write(f"ok   {result.name}")
        for problem in result.problems:
            self.stdout.write(f"BAD  {result.name}: {problem.text}")
            self.stdout.write(f"     -> {problem.remedy}")


def facts_of(result: Result) -> dict[str, Any]:
    problems = [{"problem": problem.text, "remedy": problem.remedy} for problem in result.problems]
    return {"name": result.name, "problems": problems, "not_known_without": result.skipped or None}
