"""Show a platform's contract, store its next version, or let an earlier one hold again."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from integration.contracts import MISCONFIGURED, contract_of, store_contract
from integration.management.base import JsonCommand
from integration.models import ContractVersion


class Command(JsonCommand):
    help = (
        "Show a platform's contract. With --preset or --changes the next version is stored; every earlier one is kept."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--platform", required=True)
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--changes", metavar="JSON", help='what differs: {"batch_size": 200}')
        what.add_argument("--restore", type=int, metavar="NUMBER", help="let this version hold again")
        what.add_argument("--versions", action="store_true", help="list who stored what")
        parser.add_argument("--preset", default="", help="the contract to start from; none: the platform's own")
        parser.add_argument("--note", default="", help="why")

    def handle(self, *args: Any, **options: Any) -> None:
        platform = options["platform"]
        try:
            if options["versions"]:
                self.list_versions(platform, options["json"])
                return
            if options["restore"] is not None:
                self.restore(platform, options["restore"])
            elif options["preset"] or options["changes"] is not None:
                changes = parse(options["changes"] or "{}")
                store_contract(platform, options["preset"], changes, timezone.now(), None, options["note"])
            self.show(platform, options["json"])
        except MISCONFIGURED as exc:
            raise CommandError(str(exc)) from exc

    def restore(self, platform: str, number: int) -> None:
        old = ContractVersion.objects.filter(platform=platform, number=number).first()
        if old is None:
            raise CommandError(f"{platform} has no version {number}: --versions lists them")
        store_contract(platform, old.preset, old.changes, timezone.now(), None, f"version {number} again")

    def show(self, platform: str, as_json: bool) -> None:
        last = ContractVersion.objects.filter(platform=platform).order_by("-number").first()
        contract = contract_of(platform).model_dump(mode="json")
        if as_json:
            self.say({"platform": platform, "version": last.number if last else None, "contract": contract})
            return
        self.stdout.write(f"{last or platform + ', as configured'}:\n{json.dumps(contract, indent=2)}")

    def list_versions(self, platform: str, as_json: bool) -> None:
        versions = ContractVersion.objects.filter(platform=platform).select_related("created_by")
        rows = [describe(version) for version in versions]
        if as_json:
            self.say({"versions": rows})
            return
        for row in rows:
            self.stdout.write(", ".join(f"{name}: {value}" for name, value in row.items() if value))


def describe(version: ContractVersion) -> dict[str, Any]:
    return {
        "number": version.number,
        "preset": version.preset,
        "changes": version.changes,
        "note": version.note,
        "created_at": version.created_at.isoformat(),
        "created_by": version.created_by.get_username() if version.created_by else "",
    }


def parse(text: str) -> dict[str, Any]:
    try:
        changes = json.loads(text)
    except ValueError as exc:
        raise CommandError(f"--changes is not JSON: {exc}") from exc
    if not isinstance(changes, dict):
        raise CommandError('--changes: an object is needed: {"batch_size": 200}')
    return changes
