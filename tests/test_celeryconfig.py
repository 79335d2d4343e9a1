"""Celery ignores a setting's name that it does not know; this does not."""

import types

from celery.app.defaults import SETTING_KEYS
from celery.fixups.django import DjangoWorkerFixup
from django.conf import settings

import celeryconfig
from integration.platforms.contract import Contract
from tasks import app


def test_every_name_is_one_of_celery_s() -> None:
    names = {
        name
        for name, value in vars(celeryconfig).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert names - SETTING_KEYS == {"CELERY_DB_REUSE_MAX"}
    assert DjangoWorkerFixup(app).db_reuse_max == celeryconfig.CELERY_DB_REUSE_MAX
    assert len(names) > 15


def test_the_deadlines_stand_in_their_order() -> None:
    """A request ends before its task, a task before its claim, a claim before its message comes again."""
    visibility = celeryconfig.broker_transport_options["visibility_timeout"]
    longest = Contract.model_fields["timeout_seconds"].metadata
    assert any(getattr(rule, "le", None) == 120 for rule in longest)
    assert 120 < celeryconfig.task_time_limit < settings.CHUNK_LEASE_SECONDS < visibility


def test_the_app_knows_its_tasks() -> None:
    app.loader.import_default_modules()
    ours = {name for name in app.tasks if name.startswith("tasks.")}
    assert ours == {
        "tasks.push.push_all_outlets",
        "tasks.push.push_outlet",
        "tasks.push.push_chunk",
        "tasks.uploads.work_on_upload",
        "tasks.alerts.watch_outlets",
        "tasks.alerts.send_alert",
        "tasks.reconcile.reconcile_all_outlets",
        "tasks.reconcile.compare_outlet",
        "tasks.maintenance.sweep",
        "tasks.maintenance.prune",
    }
