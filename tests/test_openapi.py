"""What is written of the endpoints is what they do: asked with thousands of odd requests, none breaks them."""

import html
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from django.contrib.auth import get_user_model
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.definitions import OPENAPI_31

from dashboard.wsgi import application
from integration.models import Outlet, make_token
from integration.openapi import build_document
from integration.push_service import PushService
from tests.conftest import make_outlet, stock
from tests.pages.addresses import patterns
from tests.people import make_person, restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
BOUNDED = settings(
    max_examples=40,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def token(db: None, monkeypatch: pytest.MonkeyPatch) -> str:
    restore_migrated_rows()
    monkeypatch.setattr("tasks.push.ring", lambda rings: None)
    monkeypatch.setattr("integration.endpoint.seconds_to_wait", lambda token_id, now: 0)
    user = get_user_model().objects.get(username=make_person("Manager"))
    return make_token("schemathesis", user.pk, None, timezone.now())[1]


@pytest.fixture
def somewhere(db: None) -> Outlet:
    """An outlet that has pushed, and whose shop is in memory: nothing leaves this process."""
    outlet = make_outlet(api_endpoint="https://shop.example/")
    stock(outlet, 2)
    PushService(outlet).push()
    return outlet


@pytest.fixture
def open_connection(db: None) -> Iterator[None]:
    """Between two requests a server gives its connection up; a test's would be lost with its transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


schema = schemathesis.openapi.from_dict(build_document())
schema.app = application


@schema.parametrize()
@BOUNDED
def test_it_does_what_is_written(case: schemathesis.Case, token: str, somewhere: Outlet, open_connection: None) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    case.call_and_validate(headers=headers, checks=CHECKS)
    aim(case, somewhere)
    case.call_and_validate(headers=headers, checks=CHECKS)


def aim(case: schemathesis.Case, outlet: Outlet) -> None:
    """At an outlet that is there, and as a request that was not made before."""
    case.headers.pop("Idempotency-Key", None)
    where = case.body if isinstance(case.body, dict) else case.query
    if where:
        where.pop("store_id", None)
        where["outlet"] = outlet.pk


def test_the_document_is_valid() -> None:
    assert [str(error) for error in jsonschema_rs.validator_for(OPENAPI_31).iter_errors(build_document())] == []
    for name, part in build_document()["components"]["schemas"].items():
        jsonschema_rs.meta.validate(part)
        assert part.get("type") == "object", name


def test_every_endpoint_is_written_down() -> None:
    there = {f"/{pattern.pattern}" for pattern in patterns(get_resolver()) if str(pattern.pattern).startswith("api/")}
    assert set(build_document()["paths"]) == there - {"/api/openapi.json", "/api/docs/"}


def test_the_limits_are_the_ones_that_hold(settings: Any) -> None:
    settings.PRODUCT_UPDATE_LIMIT_ROWS = 7
    document = build_document()
    assert document["components"]["schemas"]["ProductUpdate"]["properties"]["rows"]["maxItems"] == 7
    assert "At most 7 rows" in document["paths"]["/api/product-update/"]["post"]["description"]


def test_a_program_reads_it_with_its_token(token: str, client: Client) -> None:
    answer = client.get("/api/openapi.json", headers={"Authorization": f"Bearer {token}"})
    assert answer.json() == build_document()
    assert client.get("/api/openapi.json").status_code == 401


def test_the_page_shows_every_endpoint_with_an_example_that_works() -> None:
    restore_migrated_rows()
    client = signed_in("Operator")
    text = html.unescape(client.get("/api/docs/").content.decode())
    for path, methods in build_document()["paths"].items():
        for operation in methods.values():
            assert f"http://testserver{path}" in text
            assert operation["summary"] in text
            assert all(response["description"].replace("`", "") in text for response in operation["responses"].values())
    (example,) = re.findall(r"-d '(.*)' http://testserver/api/product-update/", text)
    make_outlet("007")
    answer = client.post("/api/product-update/", example, content_type="application/json")
    assert (answer.status_code, answer.json()["created_count"]) == (200, 1)
