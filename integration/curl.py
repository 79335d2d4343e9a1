"""The request of an attempt as a command for a shell, without its secrets."""

import shlex
from typing import NamedTuple

import httpx

from integration import changes, history
from integration.contracts import MISCONFIGURED, contract_at
from integration.models import PushAttempt
from integration.platforms import load
from integration.sending import endpoint_of

LONGEST_BODY = 256 * 1024  # bytes; of a longer one the excerpt has to do


class Command(NamedTuple):
    """`is_cut`: of the body only the beginning is known."""

    text: str
    is_cut: bool


def as_curl(attempt: PushAttempt) -> Command | None:
    """None where nothing was sent, or where what was sent is not kept.

    The body is made again from the items and the contract of that time, and taken only if it begins as the one that
    was sent.
    """
    head, _, kept = attempt.request_excerpt.partition("\n\n")
    if not head:
        return None
    is_whole = len(kept.encode()) == attempt.sent_bytes
    body = kept if is_whole else rebuild_body(attempt, kept)
    return Command(write_command(head, kept if body is None else body), is_cut=body is None)


def rebuild_body(attempt: PushAttempt, kept: str) -> str | None:
    push = attempt.chunk.push
    items = changes.from_rows(attempt.items)
    if attempt.sent_bytes > LONGEST_BODY or not all(item.product_id for item in items):
        return None
    try:
        adapter = load(push.platform, contract_at(push.platform, attempt.started_at), endpoint_of(push.outlet))
        previews = adapter.preview(items, f"chunk-{attempt.chunk_id}", history.revision_of(attempt))
    except (*MISCONFIGURED, httpx.InvalidURL, UnicodeError):  # the outlet may have another address by now
        return None
    return next((preview.body for preview in previews if preview.body.startswith(kept)), None)


def write_command(head: str, body: str) -> str:
    """`--data-raw`, for a body that begins with @ would be read from a file; `--globoff`, for brackets in the URL."""
    first, *headers = head.split("\n")
    method, _, url = first.partition(" ")
    options = [["curl", "--globoff", "--request", method], ["--url", url]]
    options += [["--header", header] for header in headers]
    options.append(["--data-raw", body])
    return " \\\n  ".join(shlex.join(option) for option in options)
