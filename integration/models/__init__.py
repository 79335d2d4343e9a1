"""The nouns: outlets, their products, what was pushed and what came of it."""

from integration.models.outlets import AccessToken, ContractVersion, EndpointHealth, Outlet
from integration.models.products import UNSETTLED, OutletProduct, Product, RejectedItem
from integration.models.pushes import DailySum, PushAttempt, PushChunk, PushHistory, Rescue

__all__ = [
    "UNSETTLED",
    "AccessToken",
    "ContractVersion",
    "DailySum",
    "EndpointHealth",
    "Outlet",
    "OutletProduct",
    "Product",
    "PushAttempt",
    "PushChunk",
    "PushHistory",
    "RejectedItem",
    "Rescue",
]
