"""The nouns: outlets, their products, what was pushed and what came of it."""

from integration.models.access import ApiToken, IdempotencyKey, PushPause, SignInTries, digest_of, make_token
from integration.models.alerts import Alert, AlertDelivery, AlertTarget, OutletAlert
from integration.models.outlets import AccessToken, ContractVersion, EndpointHealth, Outlet, OutletRevision
from integration.models.products import UNSETTLED, OutletProduct, Product, RejectedItem
from integration.models.pushes import DailySum, PushAttempt, PushChunk, PushHistory, Rescue
from integration.models.reconciliations import EQUAL_SUM, Difference, Reconciliation
from integration.models.sums import AttemptSum, PushSum, SumMark, TaskRun
from integration.models.updates import ProductUpdate
from integration.models.uploads import ProductUpload, UploadBatch

__all__ = [
    "EQUAL_SUM",
    "UNSETTLED",
    "AccessToken",
    "Alert",
    "AlertDelivery",
    "AlertTarget",
    "ApiToken",
    "AttemptSum",
    "ContractVersion",
    "DailySum",
    "Difference",
    "EndpointHealth",
    "IdempotencyKey",
    "Outlet",
    "OutletAlert",
    "OutletProduct",
    "OutletRevision",
    "Product",
    "ProductUpdate",
    "ProductUpload",
    "PushAttempt",
    "PushChunk",
    "PushHistory",
    "PushPause",
    "PushSum",
    "Reconciliation",
    "RejectedItem",
    "Rescue",
    "SignInTries",
    "SumMark",
    "TaskRun",
    "UploadBatch",
    "digest_of",
    "make_token",
]
