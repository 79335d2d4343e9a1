"""How far an outlet has been set up, and what keeps it from being pushed. Queries only."""

from dataclasses import dataclass
from datetime import datetime

from integration import health
from integration.contracts import MISCONFIGURED, contract_of
from integration.models import UNSETTLED, EndpointHealth, Outlet, OutletProduct, PushHistory


@dataclass(frozen=True, slots=True)
class Readiness:
    has_endpoint: bool
    has_products: bool
    has_changes: bool
    has_pushed: bool
    contract_problem: str
    left_alone: EndpointHealth | None  # its shop has failed several times in a row


def readiness_of(outlet: Outlet, now: datetime) -> Readiness:
    """A few queries, whatever the outlet holds."""
    products = OutletProduct.objects.filter(outlet=outlet)
    return Readiness(
        has_endpoint=bool(outlet.api_endpoint) or outlet.platform == "memory",
        has_products=products.exists(),
        has_changes=products.filter(UNSETTLED).exists(),
        has_pushed=PushHistory.objects.filter(outlet=outlet).exists(),
        contract_problem=contract_problem(outlet.platform),
        left_alone=health.paused_until(outlet.pk, now),
    )


def contract_problem(platform: str) -> str:
    try:
        contract_of(platform)
    except MISCONFIGURED as exc:
        return str(exc)
    return ""
