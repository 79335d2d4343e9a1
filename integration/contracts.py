"""The contract of each platform: the latest version that somebody stored, or what the settings say."""

from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Max, OuterRef, QuerySet, Subquery

from integration.encryption import WrongEncryptionKey
from integration.health import reset_platform
from integration.models import ContractVersion, PushHistory
from integration.platforms import InvalidContract, UnknownPlatform, build_contract
from integration.platforms.contract import Contract
from integration.platforms.contract_settings import Difference, as_json, compare, settings_of
from integration.revisions import bump

# What is set up wrongly on our side: no other attempt will fare better.
MISCONFIGURED = (UnknownPlatform, InvalidContract, WrongEncryptionKey)


class Draft(NamedTuple):
    """What a contract is made from, be it stored or not."""

    platform: str
    preset: str
    changes: dict[str, Any]

    def build(self) -> Contract:
        return build_contract(self.platform, self.preset, self.changes)

    def says_the_same(self, other: "Draft") -> bool:
        return (self.preset, as_json(self.changes)) == (other.preset, as_json(other.changes))

    def settings(self) -> dict[str, str]:
        """Every setting that holds; of a contract that cannot be used (any more) only what it changes."""
        try:
            return {"preset": self.preset, **settings_of(self.build())}
        except MISCONFIGURED:
            return {"preset": self.preset, **settings_of(self.changes)}


def draft_of(version: ContractVersion) -> Draft:
    return Draft(version.platform, version.preset, version.changes)


def configured_draft(platform: str) -> Draft:
    return Draft(platform, "", settings.CONTRACTS.get(platform, {}))


def draft_that_holds(platform: str, version: ContractVersion | None) -> Draft:
    return draft_of(version) if version else configured_draft(platform)


def versions_of(platform: str) -> QuerySet[ContractVersion]:
    """The latest first."""
    return ContractVersion.objects.filter(platform=platform).select_related("created_by").order_by("-number")


def difference(old: Draft, new: Draft) -> list[Difference]:
    """Setting by setting, of what holds with the one and with the other."""
    return compare(old.settings(), new.settings())


def contract_of(platform: str) -> Contract:
    """One query; a version that was stored by another process counts from the next call on."""
    version = ContractVersion.objects.filter(platform=platform).order_by("-number").first()
    if version is None:
        return configured_contract(platform)
    return build_contract(platform, version.preset, version.changes)


def with_contract(rows: QuerySet[Any], platform: str) -> QuerySet[Any]:
    """The rows with what makes the contract of the platform that they name: for `contract_from`, without a query."""
    latest = ContractVersion.objects.filter(platform=OuterRef(platform)).order_by("-number")
    return rows.annotate(preset=Subquery(latest.values("preset")[:1]), changes=Subquery(latest.values("changes")[:1]))


def contract_from(row: Any, platform: str) -> Contract:
    """Without a preset, not even an empty one, there is no version: the settings hold."""
    is_stored = row.preset is not None
    return build_contract(platform, row.preset, row.changes) if is_stored else configured_contract(platform)


def contract_at(platform: str, at: datetime) -> Contract:
    """The one that held then; what the settings say is only known as it is now."""
    versions = ContractVersion.objects.filter(platform=platform, created_at__lte=at)
    version = versions.order_by("-number").first()
    return build_contract(platform, version.preset, version.changes) if version else configured_contract(platform)


def configured_contract(platform: str) -> Contract:
    return build_contract(platform, "", settings.CONTRACTS.get(platform, {}))


def contract_or_default(platform: str) -> Contract:
    """Times and counts to go by even where the contract cannot be read any more."""
    try:
        return contract_of(platform)
    except MISCONFIGURED:
        return Contract()


def judge_holds_again(platform: str) -> None:
    """The contract says when a push is held."""
    held = PushHistory.objects.filter(status=PushHistory.Status.HELD, platform=platform)
    for outlet_id in held.order_by("outlet").values_list("outlet", flat=True):
        bump(outlet_id)


@transaction.atomic
def store_contract(
    platform: str, preset: str, changes: dict[str, Any], now: datetime, user_id: int | None = None, note: str = ""
) -> ContractVersion:
    """Store the next version; InvalidContract or UnknownPlatform if it cannot be used.

    What the endpoints failed at with the earlier one is forgotten: the next push tries at once.
    """
    build_contract(platform, preset, changes)
    judge_holds_again(platform)
    reset_platform(platform)
    last = ContractVersion.objects.filter(platform=platform).aggregate(last=Max("number"))["last"] or 0
    values = {"preset": preset, "changes": changes, "note": note}
    return ContractVersion.objects.create(
        platform=platform, number=last + 1, created_at=now, created_by_id=user_id, **values
    )
