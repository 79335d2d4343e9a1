"""Of several requests with one key that come at once, one is carried out."""

import pytest

from integration.idempotency import claim_key
from integration.models import IdempotencyKey
from tests.conftest import NOW
from tests.test_locks import in_threads

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_several_at_once_one_is_carried_out() -> None:
    for number in range(20):
        ours: list[bool] = []
        errors = in_threads(*[lambda: ours.append(claim_key(f"d{number}", "r", NOW)[1])] * 4)  # noqa: B023
        assert (errors, sorted(ours)) == ([], [False, False, False, True])
    assert IdempotencyKey.objects.count() == 20
