"""The endpoint for tills and other systems: new prices and stock of one outlet, as JSON rows or as CSV."""

import json
import re
import tempfile
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from integration.endpoint import (
    JSON,
    ApiRequest,
    Refusal,
    endpoint,
    find_outlet,
    no_outlet,
    read_body,
    read_json,
    require_scope,
)
from integration.idempotency import claim_key, digest_parts, keep_answer, release_key
from integration.models import IdempotencyKey, Outlet
from integration.product_file import ProductFile, ProductFileError
from integration.product_row import BadRow, Row, read_rows
from integration.product_update import apply_product_update
from integration.update_record import Sender, Source
from integration.upload_limit import MEGABYTE

CSV = "text/csv"
FIELDS = ("sku", "selling_price", "stock_status", "name", "barcode")
REPORTED = 1000  # bad and repeated rows that are named; all are counted
KEY = re.compile(r"[\x20-\x7e]{1,200}")
FLAGS = {"true": True, "1": True, "false": False, "0": False}
UNDER_WAY_SECONDS = 2  # until it is worth asking again for a request that is under way


class Update(NamedTuple):
    """What was sent: which outlet and how, its rows, and the digest of it all."""

    data: dict[str, Any]
    rows: Sequence[Row]
    digest: str
    is_strict: bool
    is_dry_run: bool


Answer = tuple[int, dict[str, Any]]


# --- reading --------------------------------------------------------------------------------------------


def read_update(request: HttpRequest) -> Update:
    body = read_body(request, settings.PRODUCT_UPDATE_LIMIT_MB * MEGABYTE)
    is_csv = request.content_type == CSV
    data: dict[str, Any] = request.GET.dict() if is_csv else read_json(body)
    rows = read_csv(body) if is_csv else json_rows(data)
    digest = digest_parts(request.content_type or "", request.META.get("QUERY_STRING", ""), body)
    return Update(data, rows, digest, read_flag(data, "strict"), read_flag(data, "dry_run"))


def read_flag(data: dict[str, Any], name: str) -> bool:
    """A boolean in JSON, a word in a query."""
    value = data.get(name, False)
    flag = FLAGS.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(flag, bool):
        raise Refusal(400, "must be true or false", name)
    return flag


def json_rows(data: dict[str, Any]) -> list[Row]:
    rows = data.get("rows")
    if not isinstance(rows, list) or not rows:
        raise Refusal(400, "a list with one row or more is needed", "rows")
    require_few(len(rows))
    return [known_fields(row) if isinstance(row, dict) else row for row in rows]


def known_fields(row: dict[str, Any]) -> Row:
    return {name: row[name] for name in FIELDS if name in row}


def read_csv(body: bytes) -> list[Row]:
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(body)
        file.flush()
        try:
            rows = ProductFile(file.name)
            require_few(rows.row_count)
            return list(rows)
        except ProductFileError as exc:
            raise Refusal(400, str(exc).replace(file.name, "the CSV"), "rows") from exc


def require_few(row_count: int) -> None:
    most = settings.PRODUCT_UPDATE_LIMIT_ROWS
    if row_count > most:
        raise Refusal(413, f"{row_count:,} rows; at most {most:,} a request: send them in several requests", "rows")


def find_named_outlet(request: ApiRequest, data: dict[str, Any]) -> Outlet:
    """By `outlet`, its id, or by `store_id`, with `platform` where two platforms have the same."""
    store_id, platform = data.get("store_id"), data.get("platform") or ""
    if store_id is None:
        return find_outlet(request, data)
    if data.get("outlet") is not None:
        raise Refusal(400, "name the outlet by outlet or by store_id, not by both", "store_id")
    if not isinstance(store_id, str) or not isinstance(platform, str):
        raise Refusal(400, "must be text: a number loses leading zeros", "store_id")
    return outlet_of_store(request, store_id, platform)


def outlet_of_store(request: ApiRequest, store_id: str, platform: str) -> Outlet:
    if not (store_id + platform).isprintable():  # what is no text, no database looks for
        raise no_outlet("store_id")
    found = Outlet.objects.defer("api_key", "api_secret").filter(store_id=store_id)
    outlets = list(found.filter(platform=platform) if platform else found)
    if not outlets:
        raise no_outlet("store_id")
    if len(outlets) > 1:
        raise Refusal(400, "outlets of several platforms have this store id: name the platform", "platform")
    require_scope(request, outlets[0].pk)
    return outlets[0]


# --- carrying out ---------------------------------------------------------------------------------------


@endpoint("POST", "integration.change_outletproduct", accepts=(JSON, CSV), read=read_update)
def product_update_api(request: ApiRequest, update: Update) -> HttpResponse:
    """Bring the outlet's products to the values of the rows; once, where the request names itself."""
    outlet = find_named_outlet(request, update.data)
    sender, may_rename = sender_of(request), not (request.api_token and request.api_token.is_scoped)
    key = request.headers.get("Idempotency-Key")
    if key is None:
        status, facts = carry_out(outlet, update, sender, may_rename)
        return answer_with(status, json.dumps(facts))
    if not KEY.fullmatch(key):
        raise Refusal(400, "1 to 200 printable ASCII characters are needed", "Idempotency-Key")
    row, is_ours = claim_key(digest_parts(name_of(sender), key), update.digest, timezone.now())
    return carry_out_once(row, outlet, update, sender, may_rename) if is_ours else answer_again(row, update)


def sender_of(request: ApiRequest) -> Sender:
    token_id = request.api_token.pk if request.api_token else None
    return Sender(Source.API, user_id=request.user.pk, token_id=token_id)


def name_of(sender: Sender) -> str:
    return f"token {sender.token_id}" if sender.token_id else f"person {sender.user_id}"


def carry_out_once(
    row: IdempotencyKey, outlet: Outlet, update: Update, sender: Sender, may_rename: bool
) -> HttpResponse:
    try:
        status, facts = carry_out(outlet, update, sender, may_rename)
    except BaseException:
        release_key(row)
        raise
    answer = json.dumps(facts)
    keep_answer(row, status, answer)
    return answer_with(status, answer)


def answer_again(row: IdempotencyKey, update: Update) -> HttpResponse:
    if row.request_digest != update.digest:
        raise Refusal(422, "this key was used for another request", "Idempotency-Key")
    if row.status is None:
        headers = {"Retry-After": str(UNDER_WAY_SECONDS)}
        raise Refusal(409, "this request is under way: ask again for its answer", "Idempotency-Key", headers)
    again = answer_with(row.status, row.answer)
    again["Idempotency-Replayed"] = "true"
    return again


def answer_with(status: int, answer: str) -> HttpResponse:
    return HttpResponse(answer, status=status, content_type=JSON)


def carry_out(outlet: Outlet, update: Update, sender: Sender, may_rename: bool) -> Answer:
    """Bad rows are left out and named; a strict update with one is refused whole, and all of them are named."""
    if update.is_strict and (bad := [row for row in read_rows(update.rows) if isinstance(row, BadRow)]):
        message = f"{len(bad):,} of {len(update.rows):,} rows are bad: nothing was written"
        return 422, {"errors": {"rows": [message]}, "bad_count": len(bad), "bad_rows": describe_rows(bad)}
    is_dry_run = update.is_dry_run
    result = apply_product_update(outlet, update.rows, dry_run=is_dry_run, may_rename=may_rename, sender=sender)
    names = ("row_count", "created_count", "changed_count", "unchanged_count", "bad_count", "duplicate_count")
    counts = {name: getattr(result, name) for name in names}
    rows = {"bad_rows": describe_rows(result.bad_rows), "duplicate_rows": describe_rows(result.duplicates)}
    facts = {"outlet": outlet.pk, "store_id": outlet.store_id, "platform": outlet.platform}
    return 200, {**facts, "dry_run": is_dry_run, **counts, **rows}


def describe_rows(rows: list[BadRow]) -> list[dict[str, Any]]:
    return [row._asdict() for row in rows[:REPORTED]]
