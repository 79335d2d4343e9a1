"""Import a CSV file of prices and stock into an outlet."""

import dataclasses
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from integration.management.base import OutletCommand
from integration.management.outlets import find_outlet
from integration.product_file import ProductFile, ProductFileError
from integration.product_update import ProductUpdateError, ProductUpdateResult, apply_product_update
from integration.update_record import Sender, Source

SHOWN = 20


class Command(OutletCommand):
    help = "Import a CSV file with sku, selling_price and stock_status into an outlet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file")
        parser.add_argument("--dry-run", action="store_true", help="check and count, write nothing")
        parser.add_argument("--strict", action="store_true", help="one bad row refuses the whole file")

    def handle(self, *args: Any, **options: Any) -> None:
        outlet = find_outlet(options["outlet"], options["platform"])
        flags = {"strict": options["strict"], "dry_run": options["dry_run"]}
        try:
            file = ProductFile(options["file"])
            with tqdm(total=file.row_count, unit=" rows", disable=None) as bar:
                sender = Sender(Source.COMMAND)
                result = apply_product_update(outlet, file, **flags, sender=sender, progress=bar.update)
        except (ProductFileError, ProductUpdateError) as exc:
            raise CommandError(str(exc)) from exc
        self.show(result, options["dry_run"])
        if options["json"]:
            self.say(facts_of(result, options["dry_run"]))
        if result.bad_count:
            others = "nothing was written" if options["dry_run"] else f"{result.good_count} others were taken"
            raise CommandError(f"{result.bad_count} bad rows were left out; {others}")

    def show(self, result: ProductUpdateResult, dry_run: bool) -> None:
        self.stdout.write(
            f"{result.row_count} rows{' (dry run)' if dry_run else ''}: {result.created_count} new, "
            f"{result.changed_count} changed, {result.unchanged_count} unchanged, "
            f"{result.bad_count} bad, {result.duplicate_count} repeated"
        )
        for bad in (result.bad_rows + result.duplicates)[:SHOWN]:
            self.stdout.write(f"  {bad}")


def facts_of(result: ProductUpdateResult, dry_run: bool) -> dict[str, Any]:
    facts = {f.name: getattr(result, f.name) for f in dataclasses.fields(result)}
    for name in ("bad_rows", "duplicates"):
        facts[name] = [row._asdict() for row in facts[name]]
    return {**facts, "dry_run": dry_run}
