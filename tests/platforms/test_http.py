"""How a shop's answers are read, and every failure becomes one word."""

import inspect
import json
import socket
import ssl
import time
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from integration.mock_shop import MockShop
from integration.platforms.answers import Answer, seconds_to_wait
from integration.platforms.base import Endpoint, Item, Outcome, SendResult
from integration.platforms.contract import Contract
from integration.platforms.exchange import ANSWER_LIMIT, ERRORS, classify
from integration.platforms.http import HttpPlatform
from tests.conftest import KEY

ITEMS = [Item(1, 1, "0012", Decimal("13.90"), 1), Item(2, 2, "b", Decimal("2"), 0)]
ALL = {"0012", "b"}


class Request:
    """What the scripted server was asked."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self.method, self.path, self.headers, self.body = handler.command, handler.path, handler.headers, body


class Scripted:
    """A server that gives one answer, byte for byte, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b'{"success": true}')
        self.requests: list[Request] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None: ...

            def reply(self) -> None:
                script.requests.append(Request(self, self.rfile.read(int(self.headers.get("Content-Length") or 0))))
                status, headers, body = script.answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_PATCH = reply  # noqa: N815

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/push"


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    script = Scripted()
    Thread(target=script.server.serve_forever, args=(0.02,), daemon=True).start()
    yield script
    script.server.shutdown()
    script.server.server_close()


def adapter(url: str, key: str = KEY, secret: str = "", **contract: Any) -> HttpPlatform:
    return HttpPlatform(Contract(**contract), Endpoint(url, "007", key, secret, allow_private=True))


def send(url: str, **contract: Any) -> SendResult:
    return adapter(url, **contract).send(ITEMS, "chunk-5")


# --- the request ----------------------------------------------------------------------------------------


def test_the_default_is_a_bare_array_with_exact_prices(scripted: Scripted) -> None:
    assert send(scripted.url).outcome is Outcome.DONE
    (request,) = scripted.requests
    assert request.method == "POST"
    assert request.body == (
        b'[{"sku":"0012","selling_price":13.90,"stock_status":1},{"sku":"b","selling_price":2,"stock_status":0}]'
    )
    assert request.headers["X-API-Key"] == KEY
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Accept-Encoding"] == "identity"


def test_field_names_values_and_envelope_are_the_contract_s(scripted: Scripted) -> None:
    fields = {"sku": "product_code", "selling_price": "price", "stock_status": "active"}
    send(scripted.url, fields=fields, stock_values=(False, True), items_key="products", store_id_key="store")
    assert json.loads(scripted.requests[0].body) == {
        "store": "007",
        "products": [
            {"product_code": "0012", "price": 13.9, "active": True},
            {"product_code": "b", "price": 2, "active": False},
        ],
    }


def test_every_item_carries_the_revision(scripted: Scripted) -> None:
    adapter(scripted.url, revision_field="revision").send(ITEMS, "chunk-5", 17)
    assert [row["revision"] for row in json.loads(scripted.requests[0].body)] == [17, 17]


def test_a_connection_is_used_again(shop: MockShop) -> None:
    for _ in range(3):
        assert send(f"{shop.url}/stores/1/products").outcome is Outcome.DONE
    assert len({request["client_port"] for request in shop.requests}) == 1


def test_the_store_id_stands_in_the_url_and_the_headers(scripted: Scripted) -> None:
    platform = HttpPlatform(
        Contract(url="{api_endpoint}/{store_id}/items", headers={"X-Store": "{store_id}"}),
        Endpoint(scripted.url, "a/b 7", allow_private=True),
    )
    platform.send(ITEMS, "key")
    assert (scripted.requests[0].path, scripted.requests[0].headers["X-Store"]) == ("/push/a%2Fb%207/items", "a/b 7")


@pytest.mark.parametrize(
    ("contract", "header", "value"),
    [
        ({"auth": "none"}, "X-API-Key", None),
        ({"auth_header": "Api-Token"}, "Api-Token", KEY),
        ({"auth": "bearer"}, "Authorization", f"Bearer {KEY}"),
        ({"auth": "basic"}, "Authorization", "Basic Y29ycmVjdC1rZXk6c2VjcmV0"),
    ],
)
def test_the_ways_to_authenticate(scripted: Scripted, contract: Any, header: str, value: str | None) -> None:
    adapter(scripted.url, secret="secret", **contract).send(ITEMS, "key")
    assert scripted.requests[0].headers[header] == value


def test_a_key_and_the_branch_in_the_query(scripted: Scripted) -> None:
    adapter(f"{scripted.url}?v=2", auth="query", auth_query="token", query={"branch": "{store_id}"}).send(ITEMS, "key")
    assert scripted.requests[0].path == f"/push?v=2&branch=007&token={KEY}"


def test_a_request_that_is_repeated_with_the_same_values_has_the_same_key(scripted: Scripted) -> None:
    send(scripted.url)
    send(scripted.url)
    adapter(scripted.url).send(ITEMS[:1], "chunk-5")
    first, second, third = (request.headers["Idempotency-Key"] for request in scripted.requests)
    assert first == second != third
    assert first.startswith("chunk-5-")


# --- the answer -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome", "kind", "unknown"),
    [
        (400, Outcome.REFUSED, "http_400", set()),
        (401, Outcome.CREDENTIALS, "credentials", set()),
        (403, Outcome.CREDENTIALS, "credentials", set()),
        (404, Outcome.REFUSED, "http_404", set()),
        (301, Outcome.REFUSED, "http_301", set()),
        (408, Outcome.RETRY, "http_408", ALL),
        (425, Outcome.RETRY, "http_425", set()),
        (429, Outcome.RETRY, "http_429", set()),
        (500, Outcome.RETRY, "http_500", ALL),
        (503, Outcome.RETRY, "http_503", ALL),
        (599, Outcome.RETRY, "http_599", ALL),
    ],
)
def test_a_status_becomes_an_outcome(
    scripted: Scripted, status: int, outcome: Outcome, kind: str, unknown: set[str]
) -> None:
    scripted.answer = (status, {"Location": "http://127.0.0.1:1/"}, b"no")
    result = send(scripted.url)
    assert (result.outcome, result.error_kind, result.unknown, result.status_code) == (outcome, kind, unknown, status)
    assert (result.accepted, result.excerpt) == (frozenset(), "no")


@pytest.mark.parametrize("body", [b"<html>sorry</html>", b"", b'{"success": tr', b"\xff\xfe", b"NaN"])
def test_an_answer_that_is_not_json_acknowledges_nothing(scripted: Scripted, body: bytes) -> None:
    scripted.answer = (200, {}, body)
    result = send(scripted.url)
    assert (result.outcome, result.error_kind, result.unknown, result.accepted) == (
        Outcome.BROKEN,
        "bad_answer",
        ALL,
        frozenset(),
    )


def test_no_content_is_an_answer(scripted: Scripted) -> None:
    scripted.answer = (204, {"Content-Length": "0"}, b"")
    assert send(scripted.url).accepted == ALL


@pytest.mark.parametrize(
    ("answer", "outcome", "accepted", "rejected", "unknown"),
    [
        ({"success": True}, Outcome.DONE, ALL, {}, set()),
        ([], Outcome.DONE, ALL, {}, set()),
        ({"accepted": 2}, Outcome.DONE, ALL, {}, set()),
        ({"accepted": 1}, Outcome.BROKEN, set(), {}, ALL),
        ({"accepted": 1, "errors": [{"sku": "b", "error": "odd"}]}, Outcome.DONE, {"0012"}, {"b": "odd"}, set()),
        ({"accepted": 0, "errors": [{"sku": "b", "error": "odd"}]}, Outcome.BROKEN, set(), {"b": "odd"}, {"0012"}),
        ({"errors": [{"sku": "other", "error": "odd"}]}, Outcome.BROKEN, set(), {}, ALL),
        ({"errors": [{"sku": 12, "error": "odd"}]}, Outcome.BROKEN, set(), {}, ALL),
        ({"errors": [{"sku": "b"}]}, Outcome.DONE, {"0012"}, {"b": "refused without a reason"}, set()),
        ({"errors": ["text", None, 5]}, Outcome.BROKEN, set(), {}, ALL),
        ({"errors": "text"}, Outcome.BROKEN, set(), {}, ALL),
        ({"errors": None, "accepted": "two"}, Outcome.DONE, ALL, {}, set()),
        ({"success": False}, Outcome.REFUSED, set(), {}, set()),
        ({"success": False, "errors": [{"sku": "b", "error": "odd"}]}, Outcome.REFUSED, set(), {"b": "odd"}, set()),
    ],
)
def test_an_answer_is_read_item_by_item(
    scripted: Scripted, answer: Any, outcome: Outcome, accepted: set[str], rejected: dict[str, str], unknown: set[str]
) -> None:
    scripted.answer = (200, {}, json.dumps(answer).encode())
    result = send(scripted.url)
    assert (result.outcome, result.accepted, result.rejected, result.unknown) == (outcome, accepted, rejected, unknown)


def test_an_answer_that_never_ends_is_not_read_to_its_end(scripted: Scripted) -> None:
    scripted.answer = (200, {}, b" " * (ANSWER_LIMIT + 1))
    result = send(scripted.url)
    assert (result.outcome, result.error_kind, result.unknown) == (Outcome.BROKEN, "answer_too_large", ALL)


def test_a_secret_that_the_shop_repeats_is_not_kept(scripted: Scripted) -> None:
    errors = [{"sku": "b", "error": f"bad key {KEY} or top-secret\x00"}]
    scripted.answer = (200, {}, json.dumps({"errors": errors}).encode())
    result = adapter(scripted.url, secret="top-secret").send(ITEMS, "key")
    assert result.rejected == {"b": "bad key *** or ***"}
    assert KEY not in repr(result)
    assert "top-secret" not in repr(result)


def test_basic_credentials_that_the_shop_repeats_are_not_kept(scripted: Scripted) -> None:
    scripted.answer = (400, {}, b"your header was Basic Y29ycmVjdC1rZXk6c2VjcmV0, and that is wrong")
    result = adapter(scripted.url, secret="secret", auth="basic").send(ITEMS, "key")
    assert result.excerpt == "your header was Basic ***, and that is wrong"


def test_a_session_that_a_shop_sets_is_not_kept(scripted: Scripted) -> None:
    scripted.answer = (200, {"Set-Cookie": "session=of-another-outlet; Path=/"}, b"{}")
    send(scripted.url)
    send(scripted.url)
    assert [request.headers["Cookie"] for request in scripted.requests] == [None, None]


def test_a_tls_error_after_the_request_leaves_it_unknown() -> None:
    broken = httpx.ReadError("[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC]")
    broken.__cause__ = ssl.SSLError("bad record")
    assert classify(broken) == ("tls", True)


def test_a_redirect_is_not_followed(scripted: Scripted, shop: MockShop) -> None:
    scripted.answer = (307, {"Location": f"{shop.url}/stores/1/products"}, b"")
    assert send(scripted.url).error_kind == "http_307"
    assert shop.requests == []


# --- the line -------------------------------------------------------------------------------------------


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_dead_shop_got_nothing() -> None:
    result = send(f"http://127.0.0.1:{unused_port()}/")
    assert (result.outcome, result.error_kind, result.unknown) == (Outcome.RETRY, "connect", frozenset())


def test_a_name_that_nobody_knows_got_nothing() -> None:
    result = send("http://shop.invalid/")
    assert (result.outcome, result.error_kind, result.unknown) == (Outcome.RETRY, "name_not_found", frozenset())


@pytest.mark.parametrize("url", ["no-url", "ftp://shop/", "http://", "http://[", "http://a:99999/"])
def test_an_address_that_is_none_got_nothing(url: str) -> None:
    result = send(url)
    assert (result.outcome, result.unknown) == (Outcome.RETRY, frozenset())
    assert result.error_kind in {"bad_url", "connect", "name_not_found"}


def test_a_server_that_speaks_no_tls_is_called_so(scripted: Scripted) -> None:
    result = send(scripted.url.replace("http:", "https:"))
    assert (result.error_kind, result.unknown) == ("tls", frozenset())


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ({"mode": "cut"}, "protocol"),
        ({"mode": "apply_and_cut"}, "protocol"),
        ({"mode": "hang", "seconds": 3}, "timeout"),
        ({"mode": "slow", "seconds": 3}, "timeout"),
        ({"mode": "drip", "seconds": 9}, "timeout"),
    ],
)
def test_a_request_without_an_answer_may_have_arrived(shop: MockShop, how: dict[str, Any], kind: str) -> None:
    shop.misbehave(**how)
    started = time.monotonic()
    result = send(f"{shop.url}/stores/1/products", timeout_seconds=1)
    assert (result.outcome, result.error_kind, result.unknown) == (Outcome.RETRY, kind, ALL)
    assert time.monotonic() - started < 2.5


def test_the_table_of_errors_has_every_error_of_httpx() -> None:
    for name, error in inspect.getmembers(httpx, inspect.isclass):
        if issubclass(error, httpx.TransportError | httpx.InvalidURL) and error is not httpx.TransportError:
            kind, _ = classify(error("message"))
            assert kind, name
    assert len({kind for _, kind, _ in ERRORS}) == 9


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("1.5", 1.5),
        ("Thu, 01 Jan 1970 00:02:40 GMT", 60.0),
        ("Thu, 01 Jan 1970 00:00:40 GMT", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, seconds: float | None) -> None:
    assert seconds_to_wait(value, 100.0) == seconds


# --- test connection ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "ok", "kind"),
    [
        (200, True, "ok"),
        (405, True, "ok"),
        (401, False, "credentials"),
        (403, False, "credentials"),
        (404, False, "wrong_path"),
        (302, False, "unexpected_answer"),
        (500, False, "unexpected_answer"),
    ],
)
def test_a_connection_s_cause(scripted: Scripted, status: int, ok: bool, kind: str) -> None:
    scripted.answer = (status, {}, b"")
    result = adapter(scripted.url).test_connection()
    assert (result.ok, result.kind, result.status_code) == (ok, kind, status)
    assert scripted.requests[0].method == "GET"


def test_a_connection_to_a_dead_shop() -> None:
    result = adapter(f"http://127.0.0.1:{unused_port()}/").test_connection()
    assert (result.ok, result.kind, result.status_code) == (False, "connect", None)


# --- what a hostile shop may try ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "escape", [r"KEY-abc\/def+ghi=", r"KEY-abc/def\u002Bghi=", "KEY-abc%2fdef%2bghi%3d", "KEY-abc%2Fdef%2Bghi%3D"]
)
def test_a_key_that_is_escaped_is_found_too(scripted: Scripted, escape: str) -> None:
    scripted.answer = (400, {}, f'{{"message": "bad key {escape}"}}'.encode())
    result = adapter(scripted.url, "KEY-abc/def+ghi=").send(ITEMS, "chunk-5")
    assert "***" in result.excerpt
    assert "KEY-abc" not in result.excerpt + result.message


def test_a_key_at_the_end_of_a_long_reason_is_found_before_it_is_cut(scripted: Scripted) -> None:
    key = "k" * 66
    errors = [{"sku": "b", "error": "x" * 470 + key}]
    scripted.answer = (200, {}, json.dumps({"errors": errors, "message": "y" * 470 + key}).encode())
    result = adapter(scripted.url, key).send(ITEMS, "chunk-5")
    assert "kkk" not in result.rejected["b"] + result.message + result.excerpt


@pytest.mark.parametrize("body", [b"false", b"null", b"0", b'"ERROR"'])
def test_a_word_is_no_answer(scripted: Scripted, body: bytes) -> None:
    scripted.answer = (200, {}, body)
    result = send(scripted.url)
    assert (result.outcome, result.accepted) == (Outcome.BROKEN, frozenset())


@pytest.mark.parametrize("rows", [[None, None], ["ok", "ok"], [{"error": {}}, 1]])
def test_an_entry_that_cannot_be_read_accepts_nothing(scripted: Scripted, rows: list[Any]) -> None:
    scripted.answer = (200, {}, json.dumps({"errors": rows}).encode())
    result = send(scripted.url, match_by="order", error_when="contains(error.message, 'no')")
    assert result.accepted == frozenset()


@pytest.mark.parametrize("count", [1, 1.0, "1", "1.0", 3])
def test_a_count_that_differs_acknowledges_nothing_however_it_is_written(scripted: Scripted, count: Any) -> None:
    scripted.answer = (200, {}, json.dumps({"accepted": count}).encode())
    assert send(scripted.url).accepted == frozenset()


JOB = {"id": "id", "url": "{api_endpoint}/{job_id}", "done": "ok", "items_url": "{api_endpoint}/failed/{page}"}


@pytest.mark.parametrize("body", [b"<html>busy</html>", b"", b'{"errors": null}', b'{"errors": [], "success": false}'])
def test_a_page_that_cannot_be_read_leaves_the_job_open(scripted: Scripted, body: bytes) -> None:
    platform = adapter(scripted.url, job=JOB)
    scripted.answer = (200, {}, b'{"ok": true, "errors": []}')
    assert platform.poll("J1", ITEMS).accepted == ALL
    real, pages = platform.get, iter([(200, b'{"ok": true}'), (200, body)])
    platform.get = lambda template, **values: Answer(*next(pages))  # type: ignore[method-assign]
    result = platform.poll("J1", ITEMS)
    platform.get = real  # type: ignore[method-assign]
    assert (result.outcome, result.accepted) == (Outcome.JOB, frozenset())


def test_a_list_without_an_end_leaves_the_job_open(scripted: Scripted) -> None:
    scripted.answer = (200, {}, b'{"ok": true, "errors": [{"sku": "b", "error": "no"}]}')
    result = adapter(scripted.url, job=JOB).poll("J1", ITEMS)
    assert (result.outcome, result.accepted, len(scripted.requests)) == (Outcome.JOB, frozenset(), 101)


def test_nothing_is_accepted_before_its_job(scripted: Scripted) -> None:
    scripted.answer = (204, {}, b"")
    assert send(scripted.url, job=JOB).accepted == frozenset()
    scripted.answer = (202, {}, b'{"id": "J1", "errors": [{"sku": "b"}]}')
    result = send(scripted.url, job=JOB, error_when="bad", unlisted="unknown")
    assert (result.accepted, result.unknown) == (frozenset(), ALL)


@pytest.mark.parametrize("name", ["..", ".", "a\u0000b", "the-key"])
def test_a_job_s_name_that_does_harm_is_refused(scripted: Scripted, name: str) -> None:
    scripted.answer = (202, {}, json.dumps({"id": name}).encode())
    result = adapter(scripted.url, "the-key", job=JOB).send(ITEMS, "chunk-5")
    assert (result.outcome, result.job_id, result.unknown) == (Outcome.BROKEN, "", ALL)


def test_a_call_that_leaves_an_item_out_acknowledges_none(scripted: Scripted) -> None:
    calls = [{"fields": {"stock_status": ""}}, {"fields": {"selling_price": ""}}]
    scripted.answer = (200, {}, b'{"errors": [{"sku": "b"}]}')
    result = send(scripted.url, calls=calls, error_when="bad", unlisted="unknown")
    assert (result.accepted, result.unknown, len(scripted.requests)) == (frozenset(), ALL, 1)


@pytest.mark.parametrize("key", ["schlüssel", "a\nb"])
def test_a_key_that_no_header_can_hold_is_said_and_nothing_is_sent(scripted: Scripted, key: str) -> None:
    result = adapter(scripted.url, key).send(ITEMS, "chunk-5")
    assert (result.error_kind, result.unknown, scripted.requests) == ("bad_request", frozenset(), [])
