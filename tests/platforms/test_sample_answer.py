"""The answer that is proposed for a contract reads as one that the shop might give."""

import pytest

from integration.platforms import build_contract
from integration.platforms.answers import Answer, read_push
from integration.platforms.base import Outcome, SendResult
from integration.platforms.contract import Contract
from integration.platforms.presets import PRESETS
from integration.platforms.sample_answer import sample_answer
from integration.preview import MADE_UP_ITEMS
from tests.platforms.example_contracts import CONTRACTS

ALL = {**PRESETS, **{name: build_contract("pasons", "", changes) for name, changes in CONTRACTS.items()}}


def read_sample(contract: Contract) -> SendResult:
    items = MADE_UP_ITEMS[: contract.batch_size]
    status = min(contract.accepted_statuses)

    def read(body: bytes) -> SendResult:
        return read_push(contract, Answer(status, body), items)

    return read(sample_answer(contract, items, read).encode())


@pytest.mark.parametrize("name", ALL)
def test_it_reads_as_done_or_as_a_job(name: str) -> None:
    contract = ALL[name]
    assert read_sample(contract).outcome is (Outcome.JOB if contract.job else Outcome.DONE)


@pytest.mark.parametrize("name", ["pasons", "woocommerce", "zalando"])
def test_one_item_is_refused(name: str) -> None:
    result = read_sample(ALL[name])
    assert (result.accepted, result.rejected) == ({"100001"}, {"100002": "unknown product"})


def test_a_contract_that_nothing_is_known_to_satisfy_gets_an_empty_one() -> None:
    contract = Contract(success="length(items[?ok]) > `5`")
    assert sample_answer(contract, MADE_UP_ITEMS, lambda body: SendResult(Outcome.REFUSED)) == "{}"
    assert read_sample(contract).outcome is Outcome.REFUSED
