"""Who else may ask for what, and whether anything may be pushed at all."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models, transaction
from django.db.models import Q

from integration.models.outlets import Outlet

PREFIX = "push_"
RIGHTS = "integration."  # what endpoints ask for


class ApiToken(models.Model):
    """Lets a program act as a person, or as an account of its own, until it is revoked. Only its hash is kept.

    It may do what its person may, and nothing that its person could not do when it was made.
    """

    name = models.CharField(max_length=100)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    ending = models.CharField(max_length=4, editable=False)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    # Said on its own: a token whose outlets are all deleted is good for none, not for every one.
    is_scoped = models.BooleanField(default=False, db_default=False, help_text="it is good for `outlets` alone")
    outlets = models.ManyToManyField(Outlet, related_name="+")
    permissions = models.JSONField(null=True, help_text="the most that it may do; empty: whatever its person may")
    role = models.CharField(
        max_length=150, blank=True, default="", db_default="", help_text="of the account that is this token's alone"
    )

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} (ends in {self.ending})"

    def allows(self, permission: str) -> bool:
        return self.permissions is None or permission in self.permissions

    def covers(self, outlet_id: int) -> bool:
        return not self.is_scoped or self.outlets.filter(pk=outlet_id).exists()


def digest_of(token: str) -> str:
    """A token is 256 random bits, so a plain hash cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def make_token(
    name: str,
    user_id: int,
    created_by_id: int | None,
    now: datetime,
    *,
    outlet_ids: Iterable[int] = (),
    expires_at: datetime | None = None,
    role: str = "",
) -> tuple[ApiToken, str]:
    """The row, and the token itself: it is shown once and kept nowhere. Without outlets it is good for all."""
    chosen = list(outlet_ids)
    rights = get_user_model().objects.get(pk=user_id).get_all_permissions()
    token = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        name=name,
        user_id=user_id,
        digest=digest_of(token),
        ending=token[-4:],
        created_at=now,
        created_by_id=created_by_id,
        is_scoped=bool(chosen),
        expires_at=expires_at,
        permissions=sorted(one for one in rights if one.startswith(RIGHTS)),
        role=role,
    )
    row.outlets.set(chosen)
    return row, token


class IdempotencyKey(models.Model):
    """A request that its sender named, so that it is carried out once; `status` is empty while it is under way."""

    digest = models.CharField(max_length=64, unique=True, help_text="of the key, its sender and the address")
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.TextField(blank=True, help_text="JSON")
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"key {self.pk}: {self.status or 'under way'}"


class SignInTries(models.Model):
    """How often signing in with a name from an address has failed since then."""

    digest = models.CharField(max_length=64, unique=True, help_text="of the name and the address")
    count = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.count} tries to sign in"


class PushPause(models.Model):
    """Nothing is pushed to any shop, because somebody wants it, until it has ended."""

    reason = models.CharField(max_length=200, blank=True)
    paused_at = models.DateTimeField()
    paused_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["-paused_at"]
        constraints = [
            # An index over a constant: one row at most.
            models.UniqueConstraint(models.Value(1), condition=Q(ended_at__isnull=True), name="pushpause_one_at_a_time")
        ]

    def __str__(self) -> str:
        return f"pause {self.pk}"
