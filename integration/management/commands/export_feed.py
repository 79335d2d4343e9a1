"""Write the CSV feed of an outlet."""

import json
import os
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from integration.export_feed import feed_lines
from integration.management.outlets import find_outlet


class Command(BaseCommand):
    help = "Write an outlet's feed (sku,selling_price,stock_status) to the screen or a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--outlet", metavar="STORE_ID", required=True)
        parser.add_argument("--platform", help="where several platforms share a store id")
        parser.add_argument("--partial", action="store_true", help="only what the shop does not know yet")
        parser.add_argument("--output", metavar="FILE")
        parser.add_argument("--json", action="store_true", help="one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        outlet = find_outlet(options["outlet"], options["platform"])
        lines = feed_lines(outlet, partial=options["partial"], now=timezone.now())
        count = self.save(lines, Path(options["output"])) if options["output"] else self.show(lines)
        if options["json"]:
            self.stdout.write(json.dumps({"row_count": count, "output": options["output"]}))
        elif options["output"]:
            self.stdout.write(f"{count} rows in {options['output']}")

    def show(self, lines: Iterator[str]) -> int:
        return sum(bool(self.stdout.write(line, ending="") or 1) for line in lines) - 1

    def save(self, lines: Iterator[str], path: Path) -> int:
        """Written beside the file and moved over it: a reader never sees half a feed."""
        draft = path.with_name(path.name + ".part")
        try:
            with draft.open("w", encoding="utf-8", newline="") as file:
                count = sum(bool(file.write(line)) for line in lines) - 1
            os.replace(draft, path)
        except OSError as exc:
            raise CommandError(f"{path}: {exc.strerror or exc}") from exc
        return count
