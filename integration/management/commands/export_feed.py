"""Write the CSV feed of an outlet."""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from tqdm import tqdm

from integration.export_feed import count_feed, feed_lines
from integration.management.base import OutletCommand
from integration.management.outlets import find_outlet


class Command(OutletCommand):
    help = "Write an outlet's feed (sku,selling_price,stock_status) to the screen or a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--partial", action="store_true", help="only what the shop does not know yet")
        parser.add_argument("--output", metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        outlet = find_outlet(options["outlet"], options["platform"])
        which = {"partial": options["partial"], "now": timezone.now()}
        lines = feed_lines(outlet, **which)
        if not options["output"]:
            if options["json"]:
                raise CommandError("--json needs --output: the feed itself goes to the screen")
            self.show(lines)
            return
        count = self.save(lines, Path(options["output"]), count_feed(outlet, **which))
        self.stdout.write(f"{count} rows in {options['output']}")
        if options["json"]:
            self.say({"row_count": count, "output": options["output"]})

    def show(self, lines: Iterator[str]) -> None:
        try:
            for line in lines:
                self.stdout.write(line, ending="")
        except BrokenPipeError:  # the reader, head for instance, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def save(self, lines: Iterator[str], path: Path, total: int) -> int:
        """Written beside the file and moved over it: a reader never sees half a feed."""
        draft = path.with_name(path.name + ".part")
        try:
            with draft.open("w", encoding="utf-8", newline="") as file:
                count = (
                    sum(bool(file.write(line)) for line in tqdm(lines, unit=" rows", total=total + 1, disable=None)) - 1
                )
            os.replace(draft, path)
        except OSError as exc:
            draft.unlink(missing_ok=True)
            raise CommandError(f"{path} cannot be written: {exc.strerror or exc}") from exc
        return count
