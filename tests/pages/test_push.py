"""Starting a push, following it, and looking into it."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration import changes
from integration.contracts import store_contract
from integration.error_kinds import KINDS, UNKNOWN, explain
from integration.health import note_failure
from integration.mock_shop import MockShop
from integration.models import (
    Outlet,
    OutletProduct,
    Product,
    PushAttempt,
    PushChunk,
    PushHistory,
    PushPause,
    RejectedItem,
)
from integration.platforms.base import Outcome, SendResult
from integration.platforms.exchange import ERRORS
from integration.platforms.memory import Memory
from integration.push_progress import count_chunks, read_progress
from integration.push_queue import plan_push, start_push
from integration.push_service import PushService, run_push
from tests.conftest import KEY, make_outlet, memory_state, set_price, stock
from tests.people import restore_migrated_rows, signed_in

HOSTILE = "<script>alert(1)</script>\u202e'\"&"


@pytest.fixture(autouse=True)
def roles(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    restore_migrated_rows()
    monkeypatch.setattr("tasks.push.ring", lambda rings: None)


@pytest.fixture
def operator() -> Client:
    return signed_in("Operator")


@pytest.fixture
def viewer() -> Client:
    return signed_in("Viewer")


def begin(outlet: Outlet, push_type: str = "partial", plan: bool = True) -> PushHistory:
    push = start_push(outlet, push_type, "manual", timezone.now()).push
    assert push is not None
    if plan:
        plan_push(push.pk, timezone.now())
    return PushHistory.objects.get(pk=push.pk)


def ended(outlet: Outlet, push_type: str = "partial") -> PushHistory:
    return PushHistory.objects.get(pk=PushService(outlet).push(push_type=push_type)[1]["push_id"])


def text_of(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def said(client: Client, url: str, data: dict[str, str] | None = None) -> tuple[str, str]:
    """Where a POST leads, and the text there."""
    answer = client.post(url, data or {}, follow=True)
    return answer.redirect_chain[-1][0], " ".join(answer.content.decode().split())


# --- starting -------------------------------------------------------------------------------------------


def test_what_would_be_sent_is_shown_before(operator: Client, outlet: Outlet) -> None:
    stock(outlet, 1201)
    ended(outlet)
    set_price(outlet, "s00001", "11")
    answer = operator.get(f"/outlets/{outlet.pk}/push/")
    partial, full = answer.context["plans"]
    assert (partial["item_count"], partial["request_count"]) == (1, 1)
    assert (full["item_count"], full["request_count"]) == (1201, 3)
    assert answer.context["chosen"] == "partial"
    assert "a few seconds at the recent speed" in answer.content.decode()
    assert PushHistory.objects.count() == 1


def test_of_an_unknown_speed_nothing_is_said(operator: Client, outlet: Outlet) -> None:
    stock(outlet, 1201)
    text = text_of(operator, f"/outlets/{outlet.pk}/push/")
    assert "recent speed" not in text


def test_a_few_pushed_items_say_nothing_of_a_thousand(operator: Client, outlet: Outlet) -> None:
    stock(outlet, 2)
    ended(outlet)
    stock(outlet, 1201, prefix="more")
    partial, _ = operator.get(f"/outlets/{outlet.pk}/push/").context["plans"]
    assert (partial["item_count"], partial["seconds"]) == (1201, None)


def test_starting_leads_to_the_push(operator: Client, outlet: Outlet) -> None:
    stock(outlet, 3)
    url, _ = said(operator, f"/outlets/{outlet.pk}/push/", {"type": "full"})
    push = PushHistory.objects.get()
    assert url == f"/pushes/{push.pk}/"
    assert (push.push_type, push.trigger, push.created_by.get_username()) == ("full", "manual", "operator")  # type: ignore[union-attr]


def test_the_type_comes_from_the_address(operator: Client, outlet: Outlet) -> None:
    stock(outlet, 3)
    assert operator.get(f"/outlets/{outlet.pk}/push/?type=full").context["chosen"] == "full"
    assert operator.get(f"/outlets/{outlet.pk}/push/?type=nonsense").context["chosen"] == "partial"


def test_nothing_to_push_is_no_error(operator: Client, outlet: Outlet) -> None:
    stock(outlet, 3)
    ended(outlet)
    url, text = said(operator, f"/outlets/{outlet.pk}/push/", {"type": "partial"})
    assert url == f"/outlets/{outlet.pk}/push/"
    assert "Nothing to push: the shop knows everything already." in text
    assert PushHistory.objects.count() == 1


def test_an_open_push_is_joined(operator: Client, outlet: Outlet) -> None:
    stock(outlet, 3)
    push = begin(outlet)
    assert f"Push {push.pk} of this outlet is under way." in text_of(operator, f"/outlets/{outlet.pk}/push/")
    url, text = said(operator, f"/outlets/{outlet.pk}/push/", {"type": "full"})
    assert url == f"/pushes/{push.pk}/"
    assert f"Push {push.pk} is under way. Yours was noted and starts when it ends." in text
    assert "Asked for meanwhile: full push, by operator." in text
    assert PushHistory.objects.count() == 1


def test_quarantined_items_are_not_counted(operator: Client, outlet: Outlet) -> None:
    stock(outlet, 3)
    Memory.refused["s00001"] = "unknown"
    for _ in range(3):
        ended(outlet, "full")
    answer = operator.get(f"/outlets/{outlet.pk}/push/")
    assert [plan["item_count"] for plan in answer.context["plans"]] == [0, 2]
    assert "1 item is in quarantine and not sent" in answer.content.decode()


def pause(outlet: Outlet) -> None:
    PushPause.objects.create(reason="stocktaking", paused_at=timezone.now())


def break_off(outlet: Outlet) -> None:
    note_failure(outlet.pk, "no answer", timezone.now(), limit=1, first=300, chance=0)


@pytest.mark.parametrize(
    ("arrange", "words", "link"),
    [
        (lambda o: Outlet.objects.update(is_active=False), "This outlet is not active.", "/api-settings/?outlet="),
        (lambda o: Outlet.objects.update(push_enabled=False), "Pushing is switched off", "/api-settings/?outlet="),
        (
            lambda o: Outlet.objects.update(platform="pasons"),
            "The shop&#x27;s address is missing.",
            "/api-settings/?outlet=",
        ),
        (
            lambda o: Outlet.objects.update(platform="gone", api_endpoint="https://x.example"),
            "cannot be used",
            "/contract/",
        ),
        (pause, "Every push is paused.", "/schedule/"),
        (break_off, "The shop has failed several times and is left alone until", "/api-settings/?outlet="),
    ],
)
def test_what_is_in_the_way_is_said_with_the_way_out(
    operator: Client, outlet: Outlet, arrange: Callable[[Outlet], Any], words: str, link: str
) -> None:
    stock(outlet, 3)
    arrange(outlet)
    text = text_of(operator, f"/outlets/{outlet.pk}/push/")
    assert words in text
    assert link in text
    assert "disabled>" in text
    url, text = said(operator, f"/outlets/{outlet.pk}/push/", {"type": "partial"})
    assert url == f"/outlets/{outlet.pk}/push/"
    assert text.count(words) == 2
    assert not PushHistory.objects.exists()


def test_an_outlet_without_products_says_what_to_do(operator: Client, outlet: Outlet) -> None:
    assert "This outlet has no products yet" in text_of(operator, f"/outlets/{outlet.pk}/push/")


# --- following ------------------------------------------------------------------------------------------


def poll(client: Client, push: PushHistory) -> Any:
    return client.get(f"/pushes/{push.pk}/", headers={"HX-Request": "true", "HX-Target": "progress"})


def test_an_open_push_is_followed(viewer: Client, outlet: Outlet) -> None:
    stock(outlet, 3)
    push = begin(outlet)
    assert 'hx-trigger="every 1s"' in text_of(viewer, f"/pushes/{push.pk}/")
    answer = poll(viewer, push)
    assert answer.status_code == 200
    assert b"<html" not in answer.content
    assert b"0 of 3" in answer.content


def test_with_the_end_all_of_the_page_is_shown_and_nobody_asks_again(viewer: Client, outlet: Outlet) -> None:
    stock(outlet, 3)
    push = ended(outlet)
    answer = poll(viewer, push)
    assert answer.status_code == 286
    assert (answer["HX-Retarget"], answer["HX-Reselect"], answer["HX-Reswap"]) == ("#push", "#push", "outerHTML")
    assert b"3 of 3 items accepted." in answer.content
    assert b"hx-trigger" not in answer.content


def test_progress_is_counted_in_items(outlet: Outlet) -> None:
    stock(outlet, 1201)
    push = begin(outlet)
    first = PushChunk.objects.order_by("first_id")[0]
    began = timezone.now()
    PushAttempt.objects.create(chunk=first, number=1, started_at=began, items=[], item_count=500)
    PushChunk.objects.filter(pk=first.pk).update(status="done", item_count=500, accepted_count=499, rejected_count=1)
    counts = count_chunks([push.pk])[push.pk]
    progress = read_progress(push, counts, began + timedelta(seconds=10))
    assert (progress.done_count, progress.item_count) == (500, 1201)
    assert (progress.per_second, progress.seconds_left) == (50.0, pytest.approx(14.02))
    assert (counts.chunk_count, counts.accepted_count, counts.rejected_count) == (3, 499, 1)


def test_nothing_is_said_of_the_time_left_while_the_push_waits(viewer: Client, outlet: Outlet) -> None:
    stock(outlet, 3)
    push = begin(outlet)
    later = timezone.now() + timedelta(minutes=5)
    PushChunk.objects.update(not_before=later)
    counts = count_chunks([push.pk])[push.pk]
    progress = read_progress(push, counts, timezone.now())
    assert (progress.seconds_left, progress.waits_until) == (None, later)
    assert "The next request is sent at" in text_of(viewer, f"/pushes/{push.pk}/")
    note_failure(outlet.pk, "HTTP 503", timezone.now(), limit=1, first=300, chance=0)
    assert "The shop is left alone until" in text_of(viewer, f"/pushes/{push.pk}/")


def test_a_job_is_said_to_be_the_shop_s(viewer: Client, outlet: Outlet) -> None:
    stock(outlet, 3)
    push = begin(outlet)
    PushChunk.objects.update(not_before=timezone.now() + timedelta(minutes=5), job={"id": HOSTILE, "rejected": {}})
    text = text_of(viewer, f"/pushes/{push.pk}/")
    assert "The shop works it off. It is asked again at" in text
    assert "taken for later" in text
    assert "<script>alert" not in text


def test_halved_requests_count_once(outlet: Outlet) -> None:
    stock(outlet, 4)
    Memory.script.append(SendResult(Outcome.REFUSED, error_kind="refused", message="no"))
    push = begin(outlet)
    run_push(push.pk, lambda chunk_id: None)
    counts = count_chunks([push.pk])[push.pk]
    assert (counts.chunk_count, counts.done_count, counts.accepted_count) == (2, 4, 4)


def test_a_push_that_nobody_begins_says_so(viewer: Client, outlet: Outlet) -> None:
    stock(outlet, 3)
    push = begin(outlet, plan=False)
    assert "Waiting for a worker." in text_of(viewer, f"/pushes/{push.pk}/")
    PushHistory.objects.update(push_timestamp=timezone.now() - timedelta(hours=1))
    assert "No worker has begun it yet." in text_of(viewer, f"/pushes/{push.pk}/")


def test_the_facts_of_a_push(viewer: Client, outlet: Outlet) -> None:
    stock(outlet, 4)
    Memory.refused["s00002"] = HOSTILE
    Memory.script.append(SendResult(Outcome.RETRY, error_kind="http_503", message="busy", status_code=503))
    store_contract("memory", "", {"backoff_seconds": 0.001}, timezone.now())
    push = ended(outlet)
    text = text_of(viewer, f"/pushes/{push.pk}/?list=requests")
    assert "3 of 4 items accepted. The shop refused 1 item." in text
    assert "The shop had an error of its own." in text
    assert "HTTP 503" in text
    assert "Attempt 2" in text
    text = text_of(viewer, f"/pushes/{push.pk}/")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text


def test_a_failed_push_says_why_and_what_to_do(viewer: Client, outlet: Outlet) -> None:
    stock(outlet, 4)
    Memory.script.append(SendResult(Outcome.CREDENTIALS, error_kind="credentials", message=f"refused {HOSTILE}"))
    push = ended(outlet)
    text = text_of(viewer, f"/pushes/{push.pk}/")
    for words in ("The shop refused the API key.", "Enter the outlet&#x27;s API key again", "refused &lt;script&gt;"):
        assert words in text
    assert "1 of 1 request was given up." in text


def test_the_push_that_follows_is_linked(viewer: Client, outlet: Outlet) -> None:
    stock(outlet, 4)
    push = begin(outlet)
    start_push(outlet, "full", "manual", timezone.now())
    run_push(push.pk, lambda chunk_id: None)
    following = PushHistory.objects.exclude(pk=push.pk).get()
    assert f'<a href="/pushes/{following.pk}/">Followed by push {following.pk}</a>' in text_of(
        viewer, f"/pushes/{push.pk}/"
    )


def test_there_is_no_such_push(viewer: Client) -> None:
    assert viewer.get("/pushes/77/").status_code == 404


def count_queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    assert not any('"api_key"' in query["sql"] for query in queries)
    return len(queries)


def test_the_number_of_queries_does_not_grow(viewer: Client, settings: Any) -> None:
    settings.CONTRACTS = {"memory": {"batch_size": 1}}
    pages = []
    for store_id, count in (("1", 3), ("2", 30)):
        outlet = make_outlet(store_id)
        stock(outlet, count, prefix=store_id)
        Memory.refused.update({f"{store_id}{n:05d}": "no" for n in range(0, count, 2)})
        pages.append(f"/pushes/{ended(outlet).pk}/")
    for more in ("?list=requests", "?list=rejected"):
        few, many = (count_queries(viewer, page + more) for page in pages)
        assert few == many
    assert "30 entries" in text_of(viewer, pages[1] + "?list=requests")


def test_a_page_opens_without_the_encryption_key(viewer: Client, pasons_outlet: Outlet, settings: Any) -> None:
    stock(pasons_outlet, 400)
    push = ended(pasons_outlet)
    attempt = PushAttempt.objects.get()
    settings.ENCRYPTION_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]
    for url in (f"/pushes/{push.pk}/", f"/pushes/{push.pk}/attempts/{attempt.pk}/"):
        assert viewer.get(url).status_code == 200
    assert signed_in("Operator").get(f"/outlets/{pasons_outlet.pk}/push/").status_code == 200


# --- acting ---------------------------------------------------------------------------------------------


def test_cancelling_asks_first(operator: Client, outlet: Outlet) -> None:
    stock(outlet, 3)
    push = begin(outlet)
    assert "Cancel push" in text_of(operator, f"/pushes/{push.pk}/")
    assert "Nothing is lost" in text_of(operator, f"/pushes/{push.pk}/cancel/")
    assert PushHistory.objects.get().is_open
    url, text = said(operator, f"/pushes/{push.pk}/cancel/")
    assert url == f"/pushes/{push.pk}/"
    assert "Cancelled by operator." in text
    assert (PushHistory.objects.get().status, memory_state()) == ("cancelled", {})


def test_a_push_that_has_ended_is_not_cancelled(operator: Client, outlet: Outlet) -> None:
    stock(outlet, 3)
    push = ended(outlet)
    assert operator.get(f"/pushes/{push.pk}/cancel/").status_code == 302
    said(operator, f"/pushes/{push.pk}/cancel/")
    assert PushHistory.objects.get().status == "success"


def refuse_three_times(outlet: Outlet) -> PushHistory:
    stock(outlet, 3)
    Memory.refused["s00001"] = "=cmd() <b>"
    pushes = [ended(outlet, "full") for _ in range(3)]
    assert RejectedItem.objects.get().quarantined_at is not None
    return pushes[-1]


def test_pushing_again_sends_today_s_values(operator: Client, outlet: Outlet) -> None:
    push = refuse_three_times(outlet)
    Memory.refused.clear()
    set_price(outlet, "s00001", "77")
    url, text = said(operator, f"/pushes/{push.pk}/again/")
    again = PushHistory.objects.latest("pk")
    assert url == f"/pushes/{again.pk}/"
    assert "1 refused item is tried again. Today&#x27;s prices and stock are sent, not those of then." in text
    assert (again.push_type, again.trigger) == ("partial", "manual")
    run_push(again.pk, lambda chunk_id: None)
    assert memory_state()["s00001"] == ("77.00", 1)
    assert not RejectedItem.objects.exists()


def test_who_may_not_release_pushes_again_without_what_is_in_quarantine(operator: Client, outlet: Outlet) -> None:
    Group.objects.get(name="Operator").permissions.remove(Permission.objects.get(codename="change_rejecteditem"))
    push = refuse_three_times(outlet)
    said(operator, f"/pushes/{push.pk}/again/")
    assert RejectedItem.objects.get().quarantined_at is not None
    assert PushHistory.objects.latest("pk") == push


def test_pushing_again_sends_what_the_shop_had_known_before(operator: Client, outlet: Outlet) -> None:
    stock(outlet, 3)
    ended(outlet)
    Memory.refused["s00001"] = "not now"
    push = ended(outlet, "full")
    assert not OutletProduct.objects.filter(differs=True).exists()
    said(operator, f"/pushes/{push.pk}/again/")
    assert list(changes.items_to_push(outlet.pk, "partial", timezone.now()).values_list("product__sku", flat=True)) == [
        "s00001"
    ]


def test_pushing_again_joins_an_open_push(operator: Client, outlet: Outlet) -> None:
    push = refuse_three_times(outlet)
    set_price(outlet, "s00002", "78")
    opened = begin(outlet)
    url, text = said(operator, f"/pushes/{push.pk}/again/")
    assert url == f"/pushes/{opened.pk}/"
    assert f"Push {opened.pk} is under way." in text


def test_what_cannot_be_pushed_stays_in_quarantine(operator: Client, outlet: Outlet) -> None:
    push = refuse_three_times(outlet)
    Outlet.objects.update(push_enabled=False)
    url, text = said(operator, f"/pushes/{push.pk}/again/")
    assert url == f"/pushes/{push.pk}/"
    assert "Pushing is switched off for this outlet." in text
    assert RejectedItem.objects.get().quarantined_at is not None


def test_refused_items_as_a_file(viewer: Client, outlet: Outlet) -> None:
    push = refuse_three_times(outlet)
    Product.objects.filter(sku="s00001").update(name="@name")
    answer = viewer.get(f"/pushes/{push.pk}/rejected/")
    assert answer["Content-Disposition"] == f'attachment; filename="push-{push.pk}-rejected.csv"'
    header, row = csv.reader(io.StringIO(answer.getvalue().decode()))  # type: ignore[attr-defined]
    assert header[:5] == ["sku", "name", "rejected_price", "rejected_stock_status", "reason"]
    assert row[:5] == ["s00001", "'@name", "10.00", "1", "'=cmd() <b>"]
    assert row[7] == "3"


def test_refusals_of_other_pushes_are_not_its_own(viewer: Client, outlet: Outlet) -> None:
    push = refuse_three_times(outlet)
    first = PushHistory.objects.earliest("pk")
    assert viewer.get(f"/pushes/{push.pk}/").context["rejected_count"] == 1
    assert viewer.get(f"/pushes/{first.pk}/").context["rejected_count"] == 0


@pytest.mark.parametrize("role", ["nobody", "Viewer"])
def test_who_may_only_look_starts_and_stops_nothing(role: str, outlet: Outlet) -> None:
    stock(outlet, 3)
    push, client = begin(outlet), signed_in(role)
    for path in (f"/outlets/{outlet.pk}/push/", f"/pushes/{push.pk}/cancel/", f"/pushes/{push.pk}/again/"):
        assert client.post(path).status_code == 403
    assert client.get(f"/outlets/{outlet.pk}/push/").status_code == 403
    assert PushHistory.objects.get().stopped_at is None
    page = client.get(f"/pushes/{push.pk}/")
    if role == "nobody":
        assert page.status_code == 403
        assert client.get(f"/pushes/{push.pk}/rejected/").status_code == 403
    else:
        assert b"Cancel push" not in page.content


def test_a_link_starts_nothing(operator: Client, outlet: Outlet) -> None:
    stock(outlet, 3)
    push = ended(outlet)
    assert operator.get(f"/pushes/{push.pk}/again/").status_code == 405
    assert PushHistory.objects.count() == 1


# --- looking into it ------------------------------------------------------------------------------------


def test_an_attempt_shows_what_was_sent_and_answered(viewer: Client, pasons_outlet: Outlet) -> None:
    stock(pasons_outlet, 101)
    push, attempt = ended(pasons_outlet), PushAttempt.objects.get()
    text = text_of(viewer, f"/pushes/{push.pk}/attempts/{attempt.pk}/")
    assert f"POST {pasons_outlet.api_endpoint} Content-Type: application/json" in text
    assert "{&quot;success&quot;: true, &quot;accepted&quot;: 101, &quot;errors&quot;: []}" in text
    assert "curl --globoff --request POST" in text
    assert "--data-raw &#x27;[{&quot;sku&quot;" in text
    assert 'data-copy="#curl"' in text
    assert (text.count("10.00</td>"), "and 1 more" in text) == (100, True)


def test_an_attempt_belongs_to_its_push(viewer: Client, outlet: Outlet) -> None:
    stock(outlet, 1)
    push, attempt = ended(outlet), PushAttempt.objects.get()
    assert viewer.get(f"/pushes/{push.pk}/attempts/{attempt.pk}/").status_code == 200
    assert viewer.get(f"/pushes/{push.pk + 1}/attempts/{attempt.pk}/").status_code == 404


def test_an_attempt_without_an_end_says_so(viewer: Client, outlet: Outlet) -> None:
    stock(outlet, 1)
    push = begin(outlet)
    attempt = PushAttempt.objects.create(
        chunk=push.chunks.get(), number=1, started_at=timezone.now(), items=[], item_count=0
    )
    text = text_of(viewer, f"/pushes/{push.pk}/attempts/{attempt.pk}/")
    assert "There is no answer yet." in text
    assert "under way" in text


def test_what_a_shop_answers_is_harmless(viewer: Client, outlet: Outlet) -> None:
    stock(outlet, 1)
    long = HOSTILE + "x" * 16_000
    refused = SendResult(
        Outcome.REFUSED,
        error_kind=HOSTILE[:30],
        message=long,
        excerpt=long,
        status_code=418,
        request=f"POST x\n\n{long}",
    )
    Memory.script.append(refused)
    push, attempt = ended(outlet), PushAttempt.objects.get()
    text = text_of(viewer, f"/pushes/{push.pk}/attempts/{attempt.pk}/")
    assert "<script>alert" not in text
    assert "x" * 16_000 in text
    assert str(UNKNOWN.meaning) in text


@pytest.mark.parametrize(
    "contract",
    [
        {"auth": "header", "secret_header": "X-Secret"},
        {"auth": "query"},
        {"auth": "bearer"},
        {"auth": "basic"},
        {"auth": "none", "signature_header": "X-Signature"},
    ],
    ids=str,
)
def test_no_key_is_on_any_page(viewer: Client, shop: MockShop, contract: dict[str, Any]) -> None:
    store_contract("pasons", "", {**contract, "headers": {"X-Copy": "k&y=1/2"}}, timezone.now())
    keys = {"api_key": "k&y=1/2", "api_secret": "s3cret+<b>"}
    outlet = make_outlet("14", "pasons", api_endpoint=shop.endpoint("14"), **keys)
    stock(outlet, 400)
    shop.key = None
    push, attempt = ended(outlet), PushAttempt.objects.get()
    pages = [f"/pushes/{push.pk}/", f"/pushes/{push.pk}/attempts/{attempt.pk}/", "/shop-integration/push-history/"]
    for page in pages:
        text = viewer.get(page).content.decode()
        for secret in ("k&y", "k&amp;y", "k%26y", "s3cret", KEY):
            assert secret not in text, page


def test_every_error_kind_has_words() -> None:
    kinds = {kind for _, kind, _ in ERRORS} | {"tls", "name_not_found", "address_refused", "answer_too_large"}
    kinds |= {"credentials", "token", "refused", "unlisted", "bad_answer", "too_large", "adapter", "late"}
    kinds |= {"interrupted", "worker_lost", "job_failed", "job_lost", "job_overdue"}
    assert kinds - KINDS.keys() == set()
    for status in (300, 301, 400, 404, 418, 429, 500, 503, 599):
        assert explain(f"http_{status}") not in (None, UNKNOWN)
    assert (explain(""), explain("http_999"), explain("new")) == (None, UNKNOWN, UNKNOWN)


def test_numbers_that_no_row_can_have_are_not_found(operator: Client) -> None:
    huge = 10**30
    for url in (f"/pushes/{huge}/", f"/pushes/{huge}/attempts/{huge}/", f"/outlets/{huge}/push/"):
        assert operator.get(url).status_code == 404
