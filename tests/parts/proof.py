"""What must hold at the end, without a word to a broker from this process."""

from integration.mock_shop import MockShop
from integration.models import Outlet, PushAttempt, PushHistory
from tests.conftest import acknowledged_state, dashboard_state, set_price
from tests.faults.local import wait_until
from tests.faults.service import is_settled


def prove_settled(shop: MockShop, branch: Outlet, seconds: float = 60) -> None:
    """Nothing is open or waits, and dashboard, shop and what is recorded agree."""
    wait_until(lambda: is_settled([branch]), seconds, 0.2)
    assert shop.shelf.get(branch.store_id) == dashboard_state(branch) == acknowledged_state(branch)
    assert not PushHistory.objects.filter(finished_at__isnull=True).exists()
    assert not PushAttempt.objects.filter(finished_at__isnull=True).exists()


def prove_alive(shop: MockShop, branch: Outlet) -> None:
    """One more change arrives."""
    sku = next(iter(dashboard_state(branch)))
    set_price(branch, sku, "4321.00")
    wait_until(lambda: shop.shelf.get(branch.store_id)[sku][0] == "4321.00", 20)
    prove_settled(shop, branch)
