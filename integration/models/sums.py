"""What has happened since the beginning, kept when its rows are pruned; and when the service's own tasks last ran."""

from django.db import models

from integration.models.pushes import PushHistory


class SumMark(models.Model):
    """One row: up to when the sums below hold all that has ended."""

    summed_until = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"summed until {self.summed_until}"


class PushSum(models.Model):
    """Pushes that have ended."""

    status = models.CharField(max_length=10, choices=PushHistory.Status)
    trigger = models.CharField(max_length=20, choices=PushHistory.Trigger)
    count = models.PositiveBigIntegerField(default=0)
    rate_wait_count = models.PositiveBigIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["status", "trigger"], name="pushsum_unique")]

    def __str__(self) -> str:
        return f"{self.count} {self.status} by {self.trigger}"


class AttemptSum(models.Model):
    """Requests that have ended, by how they ended and how long they took."""

    outcome = models.CharField(max_length=20)
    error_kind = models.CharField(max_length=30, blank=True)
    longest_ms = models.PositiveIntegerField(help_text="they took no longer than this; 0: longer than all others")
    count = models.PositiveBigIntegerField(default=0)
    seconds = models.FloatField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["outcome", "error_kind", "longest_ms"], name="attemptsum_unique")
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.outcome} {self.error_kind}"


class TaskRun(models.Model):
    """When a worker last ended one of the service's own tasks."""

    class Task(models.TextChoices):
        SCHEDULE = "schedule"
        SWEEP = "sweep"
        PRUNE = "prune"

    task = models.CharField(max_length=10, choices=Task, unique=True)
    ran_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.task} at {self.ran_at}"
