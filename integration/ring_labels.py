"""What a message is about, as people read it in the view of the workers: ids and the outlet's store id only."""

from collections.abc import Iterable

from integration.models import PushChunk, PushHistory
from integration.push_queue import Ring


def label_rings(rings: Iterable[Ring]) -> dict[Ring, str]:
    """A query for the pushes and one for the chunks, however many there are."""
    rings = list(rings)
    pushes = label_pushes([ring.id for ring in rings if ring.kind == "push"])
    chunks = label_chunks([ring.id for ring in rings if ring.kind == "chunk"])
    return {ring: (pushes if ring.kind == "push" else chunks).get(ring.id, f"{ring.kind} {ring.id}") for ring in rings}


def label_pushes(push_ids: list[int]) -> dict[int, str]:
    if not push_ids:
        return {}
    rows = PushHistory.objects.filter(pk__in=push_ids).order_by().values_list("pk", "platform", "outlet__store_id")
    return {pk: f"push {pk} of outlet {store_id} ({platform})" for pk, platform, store_id in rows}


def label_chunks(chunk_ids: list[int]) -> dict[int, str]:
    if not chunk_ids:
        return {}
    names = ("pk", "push_id", "push__platform", "push__outlet__store_id")
    rows = PushChunk.objects.filter(pk__in=chunk_ids).order_by().values_list(*names)
    return {pk: f"chunk {pk} of push {push} of outlet {store} ({platform})" for pk, push, platform, store in rows}
