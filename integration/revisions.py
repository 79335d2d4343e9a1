"""How often an outlet's values have been changed.

The number is committed together with the values. Who reads it in the statement that reads values, or before it, misses
no change: values that were changed since have a later number.
"""

from typing import Any

from django.db import connection
from django.db.models import Subquery, Value
from django.db.models.functions import Coalesce

from integration.models import OutletRevision

BUMP = """
    INSERT INTO integration_outletrevision (outlet_id, number) VALUES (%s, 1)
    ON CONFLICT (outlet_id) DO UPDATE SET number = integration_outletrevision.number + 1"""


def bump(outlet_id: int) -> None:
    """In the transaction that writes the values. Who locks their rows as well has called this or `lock` before."""
    with connection.cursor() as cursor:
        cursor.execute(BUMP, [outlet_id])


LOCK = """
    INSERT INTO integration_outletrevision (outlet_id, number) VALUES (%s, 0)
    ON CONFLICT (outlet_id) DO UPDATE SET number = integration_outletrevision.number"""


def lock(outlet_id: int) -> None:
    """Have other updates of the outlet's values wait for the end of this transaction.

    Before any of its items is locked, and after its open push where that is locked too.
    """
    if connection.features.has_select_for_update:  # elsewhere there is one writer at a time
        with connection.cursor() as cursor:
            cursor.execute(LOCK, [outlet_id])


def revision_of(outlet_id: int) -> int:
    return OutletRevision.objects.filter(pk=outlet_id).values_list("number", flat=True).first() or 0


def as_column(outlet: Any) -> Coalesce:
    """The same as part of another statement; `outlet` is an id, or an OuterRef."""
    numbers = OutletRevision.objects.filter(pk=outlet).values("number")[:1]
    return Coalesce(Subquery(numbers), Value(0))
