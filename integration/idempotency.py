"""A request that names itself is carried out once: its answer is kept for a day, and given again.

claimed (`status` is empty) -> answered. A claim whose carrier died is anybody's with the same request after CLAIM.
"""

import hashlib
from datetime import datetime, timedelta

from django.db.models import Q

from integration.models import IdempotencyKey

LIFE = timedelta(hours=24)
CLAIM = timedelta(minutes=2)


def digest_parts(*parts: str | bytes) -> str:
    """Of the parts one by one: where one ends counts."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part.encode() if isinstance(part, str) else part).digest())
    return whole.hexdigest()


def claim_key(digest: str, request_digest: str, now: datetime) -> tuple[IdempotencyKey, bool]:
    """The key's row, and whether its request is the caller's to carry out. Of several at once it is one's."""
    fresh = {"request_digest": request_digest, "created_at": now}
    row, is_new = IdempotencyKey.objects.get_or_create(digest=digest, defaults=fresh)
    return row, is_new or take_over(row, request_digest, now)


def take_over(row: IdempotencyKey, request_digest: str, now: datetime) -> bool:
    is_over = Q(created_at__lte=now - LIFE)
    is_abandoned = Q(status__isnull=True, request_digest=request_digest, created_at__lte=now - CLAIM)
    unchanged = IdempotencyKey.objects.filter(is_over | is_abandoned, pk=row.pk, created_at=row.created_at)
    fresh = {"request_digest": request_digest, "status": None, "answer": "", "created_at": now}
    if not unchanged.update(**fresh):
        return False
    row.created_at = now
    return True


def keep_answer(row: IdempotencyKey, status: int, answer: str) -> None:
    """Unless somebody else has taken the claim over."""
    IdempotencyKey.objects.filter(pk=row.pk, created_at=row.created_at).update(status=status, answer=answer)


def release_key(row: IdempotencyKey) -> None:
    """What has failed may be sent again under the same key."""
    IdempotencyKey.objects.filter(pk=row.pk, created_at=row.created_at, status__isnull=True).delete()


def prune_keys(now: datetime) -> int:
    return IdempotencyKey.objects.filter(created_at__lte=now - LIFE).delete()[0]
