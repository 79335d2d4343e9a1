"""Tills and other systems send prices and stock: each row is checked, and each named request is carried out once."""

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from integration import product_update_api
from integration.idempotency import claim_key, prune_keys
from integration.models import ApiToken, IdempotencyKey, Outlet, OutletProduct, Product, make_token
from integration.signals import product_updated
from integration.upload_limit import MEGABYTE
from tests.conftest import NOW, dashboard_state, make_outlet
from tests.people import make_person, restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db
URL = "/api/product-update/"
ROW = {"sku": "0012", "selling_price": "13.99", "stock_status": 1}
BAD = {"sku": "0013", "selling_price": "12,50", "stock_status": 1}


@pytest.fixture(autouse=True)
def ground(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    restore_migrated_rows()
    monkeypatch.setattr("tasks.push.ring", lambda rings: None)


@pytest.fixture
def token() -> str:
    return token_of("Operator")


def token_of(role: str, name: str = "", **scope: Any) -> str:
    user = get_user_model().objects.get(username=make_person(role, name))
    return make_token("till", user.pk, None, timezone.now(), **scope)[1]


def send(token: str, body: Any, content_type: str = "application/json", query: str = "", **headers: str) -> Any:
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    headers = {"Authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Client(enforce_csrf_checks=True).post(f"{URL}{query}", text, content_type=content_type, headers=headers)


def errors(answer: Any) -> tuple[int, dict[str, list[str]]]:
    return answer.status_code, answer.json()["errors"]


# --- rows -----------------------------------------------------------------------------------------------


def test_good_rows_are_written_and_bad_ones_are_named(outlet: Outlet, token: str) -> None:
    answer = send(token, {"outlet": outlet.pk, "rows": [ROW, BAD, {**ROW, "selling_price": "14.00"}, [1]]})
    assert answer.status_code == 200
    facts = answer.json()
    assert {name: facts[name] for name in facts if name.endswith("count")} == {
        "row_count": 4,
        "created_count": 1,
        "changed_count": 0,
        "unchanged_count": 0,
        "bad_count": 2,
        "duplicate_count": 1,
    }
    assert [(bad["row"], bad["sku"], bad["field"]) for bad in facts["bad_rows"]] == [
        (2, "0013", "selling_price"),
        (4, "", "row"),
    ]
    assert [bad["row"] for bad in facts["duplicate_rows"]] == [3]
    assert (facts["outlet"], facts["store_id"], facts["platform"]) == (outlet.pk, "007", "memory")
    assert dashboard_state(outlet) == {"0012": ("14.00", 1)}


@pytest.mark.parametrize(
    ("price", "stored"),
    [
        ("1.10", "1.10"),
        ("99999999.99", "99999999.99"),
        ("7", "7.00"),
        ("1E+2", "100.00"),
        ('"1,234.50"', "1234.50"),
        ("12.5e-1", "1.25"),
    ],
)
def test_a_price_is_read_exactly(outlet: Outlet, token: str, price: str, stored: str) -> None:
    body = f'{{"outlet": {outlet.pk}, "rows": [{{"sku": "a", "selling_price": {price}, "stock_status": true}}]}}'
    assert send(token, body).json()["created_count"] == 1
    assert dashboard_state(outlet) == {"a": (stored, 1)}


@pytest.mark.parametrize("price", ["1e99999999", "0e99999999", "1e-99999999", "1.999", "0.1e-2", "true", "[]", "-1"])
def test_a_price_that_cannot_be_meant_is_refused(outlet: Outlet, token: str, price: str) -> None:
    body = f'{{"outlet": {outlet.pk}, "rows": [{{"sku": "a", "selling_price": {price}, "stock_status": true}}]}}'
    assert [bad["field"] for bad in send(token, body).json()["bad_rows"]] == ["selling_price"]
    assert not Product.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"sku": 12}, "sku"),
        ({"sku": "a\x00"}, "sku"),
        ({"sku": "\ud800"}, "sku"),
        ({"name": "\ud800"}, "name"),
        ({"name": {"en": "Milk"}}, "name"),
        ({"barcode": 6291041500213}, "barcode"),
        ({"stock_status": 2}, "stock_status"),
        ({"stock_status": None}, "stock_status"),
    ],
)
def test_what_cannot_be_kept_as_it_is_sent_is_refused(outlet: Outlet, token: str, change: Any, field: str) -> None:
    facts = send(token, {"outlet": outlet.pk, "rows": [{**ROW, **change}]}).json()
    assert [bad["field"] for bad in facts["bad_rows"]] == [field]
    assert not Product.objects.exists()


def test_a_number_or_a_problem_in_a_row_is_the_service_s_own(outlet: Outlet, token: str) -> None:
    rows = [{**ROW, "row": 7, "problem": "none"}, {**BAD, "row": 9}]
    facts = send(token, {"outlet": outlet.pk, "rows": rows}).json()
    assert [(facts["created_count"], bad["row"]) for bad in facts["bad_rows"]] == [(1, 2)]


def test_a_strict_update_with_bad_rows_writes_nothing_and_names_them_all(outlet: Outlet, token: str) -> None:
    answer = send(token, {"outlet": outlet.pk, "strict": True, "rows": [ROW, BAD, BAD]})
    assert answer.status_code == 422
    assert answer.json()["errors"] == {"rows": ["2 of 3 rows are bad: nothing was written"]}
    assert [bad["row"] for bad in answer.json()["bad_rows"]] == [2, 3]
    assert not Product.objects.exists()
    assert send(token, {"outlet": outlet.pk, "strict": True, "rows": [ROW]}).status_code == 200


def test_a_dry_run_only_counts(outlet: Outlet, token: str) -> None:
    facts = send(token, {"outlet": outlet.pk, "dry_run": True, "rows": [ROW]}).json()
    assert (facts["dry_run"], facts["created_count"]) == (True, 1)
    assert not Product.objects.exists()


def test_of_many_bad_rows_a_thousand_are_named(outlet: Outlet, token: str) -> None:
    for strict in (False, True):
        facts = send(token, {"outlet": outlet.pk, "strict": strict, "rows": [BAD] * 1001}).json()
        assert (facts["bad_count"], len(facts["bad_rows"])) == (1001, 1000)


@pytest.fixture
def heard() -> Iterator[list[int]]:
    calls: list[int] = []

    def listen(sender: object, outlet_id: int, **more: Any) -> None:
        calls.append(outlet_id)

    product_updated.connect(listen)
    yield calls
    product_updated.disconnect(listen)


def test_the_push_that_follows_hears_of_it(
    outlet: Outlet, token: str, heard: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        send(token, {"outlet": outlet.pk, "rows": [ROW]})
        send(token, {"outlet": outlet.pk, "rows": [ROW]})
        send(token, {"outlet": outlet.pk, "rows": [{**ROW, "stock_status": 0}], "dry_run": True})
    assert heard == [outlet.pk]


# --- CSV ------------------------------------------------------------------------------------------------


def test_csv_comes_as_people_make_it(outlet: Outlet, token: str) -> None:
    body = "sku;price;active\n0012;13.99;yes\n0013;12,50;1\n".encode("utf-16")
    answer = send(token, body, "text/csv", f"?outlet={outlet.pk}")
    assert answer.status_code == 200
    assert [(bad["row"], bad["sku"]) for bad in answer.json()["bad_rows"]] == [(3, "0013")]
    assert dashboard_state(outlet) == {"0012": ("13.99", 1)}


def test_a_csv_s_query_says_how(outlet: Outlet, token: str) -> None:
    body = "sku,selling_price,stock_status\na,1.00,1\nb,x,1\n"
    assert send(token, body, "text/csv", f"?outlet={outlet.pk}&strict=true").status_code == 422
    assert send(token, body, "text/csv", "?store_id=007&dry_run=1").json()["created_count"] == 1
    assert not Product.objects.exists()
    assert errors(send(token, body, "text/csv", f"?outlet={outlet.pk}&strict=maybe")) == (
        400,
        {"strict": ["must be true or false"]},
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("\n", "the CSV is empty"),
        ("sku,selling_price,stock_status\n", "the CSV has a header but no rows"),
        ("sku,name\na,b\n", "missing column selling_price, stock_status"),
        ('sku,selling_price,stock_status\n"a,1,1\n', "a quote"),
        ('sku,selling_price,"stock_status\na,1,1\n', "a quote"),
        ("a\x00b", "the CSV is not a text file"),
    ],
)
def test_what_is_no_product_file_is_refused_without_a_path(outlet: Outlet, token: str, body: str, reason: str) -> None:
    status, found = errors(send(token, body, "text/csv", f"?outlet={outlet.pk}"))
    assert (status, list(found)) == (400, ["rows"])
    assert reason in found["rows"][0]
    assert "/tmp" not in found["rows"][0]


# --- which outlet ---------------------------------------------------------------------------------------


def test_an_outlet_is_found_by_its_store_id(token: str) -> None:
    seven, other = make_outlet("007"), make_outlet("008")
    assert send(token, {"store_id": "007", "rows": [ROW]}).json()["outlet"] == seven.pk
    assert dashboard_state(other) == {}
    make_outlet("007", "pasons")
    assert errors(send(token, {"store_id": "007", "rows": [ROW]}))[1] == {
        "platform": ["outlets of several platforms have this store id: name the platform"]
    }
    assert send(token, {"store_id": "007", "platform": "memory", "rows": [ROW]}).json()["outlet"] == seven.pk


@pytest.mark.parametrize(
    ("named", "status"),
    [
        ({}, 404),
        ({"outlet": 10**9}, 404),
        ({"outlet": 10**18 * 9}, 404),
        ({"outlet": 9_999_999_999_999_999_999}, 404),
        ({"outlet": "x"}, 404),
        ({"store_id": "7"}, 404),
        ({"store_id": "007\x00"}, 404),
        ({"store_id": "\ud800"}, 404),
        ({"store_id": "007", "platform": "talabat"}, 404),
        ({"store_id": 7}, 400),
        ({"store_id": "007", "platform": []}, 404),
        ({"store_id": "007", "platform": [1]}, 400),
        ({"store_id": "007", "outlet": 1}, 400),
    ],
)
def test_an_outlet_that_is_not_there(token: str, named: dict[str, Any], status: int) -> None:
    make_outlet("008")
    answer = send(token, {**named, "rows": [ROW]})
    assert answer.status_code == status
    assert not Product.objects.exists()


# --- who and how much -----------------------------------------------------------------------------------


def test_who_may_not_change_products_changes_none(outlet: Outlet) -> None:
    assert send(token_of("Viewer"), {"outlet": outlet.pk, "rows": [ROW]}).status_code == 403
    assert send("push_wrong", {"outlet": outlet.pk, "rows": [ROW]}).status_code == 401
    assert not Product.objects.exists()


def test_a_session_needs_the_csrf_token(outlet: Outlet) -> None:
    body = {"outlet": outlet.pk, "rows": [ROW]}
    client = signed_in("Operator")
    assert client.post(URL, body, content_type="application/json").status_code == 200
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(get_user_model().objects.get(username="operator"))
    body["rows"] = [{**ROW, "sku": "other"}]
    assert strict.post(URL, body, content_type="application/json").status_code == 403
    assert list(dashboard_state(outlet)) == ["0012"]


def test_too_much_is_refused_before_it_is_read(outlet: Outlet, token: str, settings: Any) -> None:
    settings.PRODUCT_UPDATE_LIMIT_ROWS = 2
    status, found = errors(send(token, {"outlet": outlet.pk, "rows": [ROW] * 3}))
    assert (status, found) == (413, {"rows": ["3 rows; at most 2 a request: send them in several requests"]})
    body = "sku,selling_price,stock_status\n" + "a,1.00,1\n" * 3
    assert send(token, body, "text/csv", f"?outlet={outlet.pk}").status_code == 413
    settings.PRODUCT_UPDATE_LIMIT_MB = 1
    status, found = errors(send(token, b" " * (MEGABYTE + 1)))
    assert (status, found) == (413, {"__all__": ["at most 1,000,000 bytes a request: send it in several requests"]})
    assert not Product.objects.exists()


def test_more_than_django_s_own_limit_is_taken(outlet: Outlet, token: str) -> None:
    rows = [{**ROW, "sku": f"s{number}", "name": "n" * 255} for number in range(10_000)]
    facts = send(token, {"outlet": outlet.pk, "rows": rows}).json()
    assert facts["created_count"] == 10_000


@pytest.mark.parametrize(
    "body", ["", "[", "[]", "null", '"x"', "NaN", '{"rows": NaN}', "[" * 100_000, b"\xff", "1" * 5000]
)
def test_what_is_no_json_object(token: str, body: Any) -> None:
    assert errors(send(token, body)) == (400, {"__all__": ["a JSON object is needed"]})


@pytest.mark.parametrize("rows", [None, [], {}, "sku", 1])
def test_rows_are_a_list(outlet: Outlet, token: str, rows: Any) -> None:
    assert errors(send(token, {"outlet": outlet.pk, "rows": rows})) == (
        400,
        {"rows": ["a list with one row or more is needed"]},
    )


def test_another_kind_of_content_or_method_is_refused(outlet: Outlet, token: str) -> None:
    answer = send(token, "a=b", "application/x-www-form-urlencoded")
    assert errors(answer) == (415, {"__all__": ["send it with the header Content-Type: application/json or text/csv"]})
    answer = Client().get(URL)
    assert (answer.status_code, answer.headers["Allow"], list(answer.json())) == (405, "POST", ["errors"])
    headers = {"Authorization": f"Bearer {token}", "Transfer-Encoding": "chunked"}
    assert Client().post(URL, b"", content_type="application/json", headers=headers).status_code == 411


# --- once -----------------------------------------------------------------------------------------------


def test_a_named_request_is_carried_out_once(outlet: Outlet, token: str) -> None:
    body = {"outlet": outlet.pk, "rows": [ROW, BAD]}
    first = send(token, body, Idempotency_Key="a-1")
    OutletProduct.objects.update(selling_price=Decimal("9.00"))
    second = send(token, body, Idempotency_Key="a-1")
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert (first.headers.get("Idempotency-Replayed"), second.headers["Idempotency-Replayed"]) == (None, "true")
    assert dashboard_state(outlet) == {"0012": ("9.00", 1)}
    assert send(token, body, Idempotency_Key="a-2").json()["changed_count"] == 1


def test_a_strict_refusal_is_given_again(outlet: Outlet, token: str) -> None:
    body = {"outlet": outlet.pk, "strict": True, "rows": [BAD]}
    answers = [send(token, body, Idempotency_Key="a") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].content == answers[1].content


def test_a_key_names_one_request(outlet: Outlet, token: str) -> None:
    send(token, {"outlet": outlet.pk, "rows": [ROW]}, Idempotency_Key="a")
    answer = send(token, {"outlet": outlet.pk, "rows": [{**ROW, "stock_status": 0}]}, Idempotency_Key="a")
    assert errors(answer) == (422, {"Idempotency-Key": ["this key was used for another request"]})
    assert dashboard_state(outlet) == {"0012": ("13.99", 1)}
    csv = "sku,selling_price,stock_status\na,1.00,1\n"
    assert send(token, csv, "text/csv", f"?outlet={outlet.pk}", Idempotency_Key="b").status_code == 200
    assert send(token, csv, "text/csv", f"?outlet={outlet.pk}&strict=1", Idempotency_Key="b").status_code == 422


def test_another_sender_s_key_is_another(outlet: Outlet, token: str) -> None:
    body = {"outlet": outlet.pk, "rows": [ROW]}
    send(token, body, Idempotency_Key="a")
    user_id = ApiToken.objects.get().user_id
    for other in (token_of("Operator", "omar"), make_token("second till", user_id, None, timezone.now())[1]):
        assert send(other, body, Idempotency_Key="a").json()["unchanged_count"] == 1
    assert IdempotencyKey.objects.count() == 3


def test_a_request_that_is_under_way_is_not_carried_out_again(
    outlet: Outlet, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, seen = {"outlet": outlet.pk, "rows": [ROW]}, []
    real = product_update_api.apply_product_update

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        seen.append(send(token, body, Idempotency_Key="a"))
        return real(*args, **kwargs)

    monkeypatch.setattr(product_update_api, "apply_product_update", meanwhile)
    assert send(token, body, Idempotency_Key="a").json()["created_count"] == 1
    (second,) = seen
    assert (second.status_code, second.headers["Retry-After"]) == (409, "2")
    assert send(token, body, Idempotency_Key="a").json()["created_count"] == 1
    assert len(seen) == 1


def test_what_has_failed_may_be_sent_again(outlet: Outlet, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"outlet": outlet.pk, "rows": [ROW]}
    with monkeypatch.context() as broken:
        broken.setattr(product_update_api, "apply_product_update", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            send(token, body, Idempotency_Key="a")
    assert send(token, body, Idempotency_Key="a").json()["created_count"] == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "a\x00b", "ä", "a\tb"])
def test_a_key_is_printable(outlet: Outlet, token: str, key: str) -> None:
    answer = send(token, {"outlet": outlet.pk, "rows": [ROW]}, Idempotency_Key=key)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["Idempotency-Key"])
    assert not Product.objects.exists()


def test_a_claim_whose_carrier_died_is_free_again() -> None:
    first, is_ours = claim_key("d", "r", NOW)
    assert is_ours
    assert claim_key("d", "r", NOW + timedelta(seconds=119))[1] is False
    assert claim_key("d", "other", NOW + timedelta(seconds=120))[1] is False
    assert claim_key("d", "r", NOW + timedelta(seconds=120))[1] is True
    product_update_api.keep_answer(first, 200, "{}")
    assert IdempotencyKey.objects.get().status is None


def test_keys_are_kept_for_a_day() -> None:
    row, _ = claim_key("d", "r", NOW)
    product_update_api.keep_answer(row, 200, "{}")
    assert prune_keys(NOW + timedelta(hours=23)) == 0
    assert claim_key("d", "other", NOW + timedelta(hours=23))[1] is False
    assert claim_key("d", "other", NOW + timedelta(hours=24))[1] is True
    assert prune_keys(NOW + timedelta(hours=48)) == 1


# --- tokens ---------------------------------------------------------------------------------------------


def test_a_token_for_some_outlets_reaches_no_other(outlet: Outlet) -> None:
    other = make_outlet("008")
    token = token_of("Manager", outlet_ids=[outlet.pk])
    assert send(token, {"outlet": outlet.pk, "rows": [ROW]}).status_code == 200
    refused = (403, {"outlet": ["this token is for other outlets"]})
    assert errors(send(token, {"outlet": other.pk, "rows": [ROW]})) == refused
    assert errors(send(token, {"store_id": "008", "rows": [ROW]})) == refused
    client, headers = Client(), {"Authorization": f"Bearer {token}"}
    for url in ("/api/outlet-api-settings/", "/api/test-api-connection/", "/api/push-to-ecommerce/"):
        answer = client.post(url, {"outlet": other.pk}, content_type="application/json", headers=headers)
        assert errors(answer) == refused
    assert errors(client.get(f"/api/push-history/?outlet={other.pk}", headers=headers)) == refused
    assert client.get("/metrics", headers=headers).status_code == 403
    assert dashboard_state(other) == {}


def names() -> list[tuple[str, str, str]]:
    return list(Product.objects.order_by("sku").values_list("sku", "name", "barcode"))


@pytest.mark.parametrize("key", [{}, {"Idempotency_Key": "till-7"}])
def test_a_token_for_some_outlets_names_what_has_no_name_and_renames_nothing(
    outlet: Outlet, key: dict[str, str]
) -> None:
    for sku, name, barcode in (("1", "Milk", "0400"), ("2", "", "0401"), ("3", "Salt", "")):
        Product.objects.create(sku=sku, name=name, barcode=barcode)
    rows = [{**ROW, "sku": sku, "name": "Owned", "barcode": "0666"} for sku in "1234"]
    answer = send(token_of("Operator", outlet_ids=[outlet.pk]), {"outlet": outlet.pk, "rows": rows}, **key)
    assert (answer.status_code, answer.json()["created_count"]) == (200, 4)
    assert names() == [
        ("1", "Milk", "0400"),
        ("2", "Owned", "0401"),
        ("3", "Salt", "0666"),
        ("4", "Owned", "0666"),
    ]
    assert dashboard_state(outlet) == dict.fromkeys("1234", ("13.99", 1))


def test_a_token_for_all_outlets_and_a_person_rename(outlet: Outlet, token: str) -> None:
    Product.objects.create(sku="0012", name="Milk", barcode="0400")
    send(token, {"outlet": outlet.pk, "rows": [{**ROW, "name": "Fresh milk"}]})
    assert names() == [("0012", "Fresh milk", "0400")]
    body = {"outlet": outlet.pk, "rows": [{**ROW, "name": "Milk 1 l", "barcode": "0401"}]}
    assert signed_in("Manager").post(URL, body, content_type="application/json").status_code == 200
    assert names() == [("0012", "Milk 1 l", "0401")]


def test_a_token_whose_outlets_are_gone_reaches_none(outlet: Outlet) -> None:
    token = token_of("Manager", outlet_ids=[outlet.pk])
    outlet.delete()
    other = make_outlet("008")
    assert send(token, {"outlet": other.pk, "rows": [ROW]}).status_code == 403


def test_a_token_ends_when_it_expires(outlet: Outlet, token: str) -> None:
    ApiToken.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    assert send(token, {"outlet": outlet.pk, "rows": [ROW]}).status_code == 200
    ApiToken.objects.update(expires_at=timezone.now())
    assert send(token, {"outlet": outlet.pk, "rows": [ROW]}).status_code == 401
