"""Product files that somebody has uploaded: looked at first, applied when somebody says so."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from integration.models.outlets import Outlet


class ProductUpload(models.Model):
    """A CSV file for one outlet, kept here so that any worker finds it.

    waiting -> checking -> checked -> (somebody applies it) queued -> applying -> done
    checking, applying -> failed; waiting, checking, checked -> discarded
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        CHECKING = "checking"
        CHECKED = "checked"
        QUEUED = "queued"
        APPLYING = "applying"
        DONE = "done"
        FAILED = "failed"
        DISCARDED = "discarded"

    TO_DO = (Status.WAITING, Status.QUEUED)
    UNDER_WAY = (Status.CHECKING, Status.APPLYING)
    OPEN = (*TO_DO, *UNDER_WAY)

    outlet = models.ForeignKey(Outlet, models.CASCADE, related_name="uploads")
    file_name = models.CharField(max_length=200)
    content = models.BinaryField()  # gzip
    byte_count = models.PositiveIntegerField(help_text="of the file as it was uploaded")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    applied_at = models.DateTimeField(null=True)
    applied_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    finished_at = models.DateTimeField(null=True, help_text="of the last step: the check, then the update")
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    claim_token = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    row_count = models.PositiveIntegerField(default=0)
    done_count = models.PositiveIntegerField(default=0, help_text="rows that are done with, in the step under way")
    created_count = models.PositiveIntegerField(default=0)
    changed_count = models.PositiveIntegerField(default=0)
    unchanged_count = models.PositiveIntegerField(default=0)
    bad_count = models.PositiveIntegerField(default=0)
    duplicate_count = models.PositiveIntegerField(default=0)
    findings = models.JSONField(default=dict)  # as upload_findings.Findings writes it
    undoes = models.ForeignKey("self", models.SET_NULL, null=True, related_name="undone_by")
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(
                fields=["status"],
                condition=Q(status__in=["waiting", "checking", "queued", "applying"]),
                name="upload_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.file_name} for outlet {self.outlet_id}"

    @property
    def is_open(self) -> bool:
        """A worker has it, or shall take it."""
        return self.status in self.OPEN

    @property
    def good_count(self) -> int:
        return self.row_count - self.bad_count - self.duplicate_count


class UploadBatch(models.Model):
    """A batch of an upload's changes, written in the transaction that makes them: the update may end in the middle."""

    upload = models.ForeignKey(ProductUpload, models.CASCADE, related_name="batches")
    created_count = models.PositiveIntegerField()
    changed_count = models.PositiveIntegerField()
    before = models.BinaryField(help_text="gzip: the lines of a CSV file that bring the earlier values back")

    class Meta:
        ordering = ["pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"batch {self.pk} of upload {self.upload_id}"
