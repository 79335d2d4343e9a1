"""What a message is about, as people read it in the view of the workers: ids and the outlet's store id only."""

from collections.abc import Iterable

from integration.models import PushChunk, PushHistory
from integration.push_queue import Ring, label_push


def label_rings(rings: Iterable[Ring]) -> dict[Ring, str]:
    """Of those that come without a label: a query for the pushes and one for the chunks, however many there are."""
    rings = list(rings)
    unknown = [ring for ring in rings if not ring.label]
    pushes = label_pushes([ring.id for ring in unknown if ring.kind == "push"])
    chunks = label_chunks([ring.id for ring in unknown if ring.kind == "chunk"])
    known = {"push": pushes, "chunk": chunks}
    return {ring: ring.label or known[ring.kind].get(ring.id, f"{ring.kind} {ring.id}") for ring in rings}


def label_pushes(push_ids: list[int]) -> dict[int, str]:
    if not push_ids:
        return {}
    rows = PushHistory.objects.filter(pk__in=push_ids).order_by().values_list("pk", "outlet__store_id", "platform")
    return {push_id: label_push(push_id, store_id, platform) for push_id, store_id, platform in rows}


def label_chunks(chunk_ids: list[int]) -> dict[int, str]:
    if not chunk_ids:
        return {}
    names = ("pk", "push_id", "push__outlet__store_id", "push__platform")
    rows = PushChunk.objects.filter(pk__in=chunk_ids).order_by().values_list(*names)
    return {chunk_id: f"chunk {chunk_id} of {label_push(*push)}" for chunk_id, *push in rows}
