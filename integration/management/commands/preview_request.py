"""Show the request that a push of an outlet would send, and how an answer would be read."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from integration.contracts import MISCONFIGURED
from integration.management.base import OutletCommand
from integration.management.outlets import find_outlet
from integration.models import Outlet
from integration.platforms.base import Preview, SendResult
from integration.preview import preview_answer, preview_requests


class Command(OutletCommand):
    help = "Show the exact request that a push would send, with secrets masked. Nothing is sent."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--items", type=int, default=3, metavar="N", help="the first N items (3)")
        parser.add_argument("--answer", type=Path, metavar="FILE", help="a sample of the shop's answer, to be read")
        parser.add_argument("--status", type=int, default=200, help="the sample's HTTP status (200)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["items"] < 1:
            raise CommandError("--items: at least 1")
        outlet = find_outlet(options["outlet"], options["platform"])
        try:
            self.show(outlet, options)
        except MISCONFIGURED as exc:
            raise CommandError(str(exc)) from exc

    def show(self, outlet: Outlet, options: dict[str, Any]) -> None:
        count, now = options["items"], timezone.now()
        requests = preview_requests(outlet, count, now)
        if not requests:
            raise CommandError(f"{outlet} has no products to show: import some first")
        body = read_file(options["answer"])
        result = preview_answer(outlet, count, now, options["status"], body) if body is not None else None
        if options["json"]:
            reading = as_facts(result) if result else None
            self.say({"requests": [request._asdict() for request in requests], "answer": reading})
            return
        self.stdout.write("\n\n".join(as_text(request) for request in requests))
        if result:
            self.stdout.write("\nThe answer reads:\n" + "\n".join(f"{k}: {v}" for k, v in as_facts(result).items()))


def read_file(path: Path | None) -> bytes | None:
    try:
        return path.read_bytes() if path else None
    except OSError as exc:
        raise CommandError(f"--answer {path}: {exc.strerror}") from exc


def as_text(request: Preview) -> str:
    headers = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
    return f"{request.method} {request.url}\n{headers}\n\n{request.body}"


def as_facts(result: SendResult) -> dict[str, Any]:
    return {
        "outcome": result.outcome.value,
        "message": result.message,
        "accepted": sorted(result.accepted),
        "rejected": result.rejected,
        "unknown": sorted(result.unknown),
        "job_id": result.job_id,
    }
