"""The Celery app: `celery -A tasks worker|beat|flower`."""

import os

from celery import Celery

from tasks import connections, logs  # noqa: F401  (connected before any process sets up its log)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

app = Celery("tasks")
app.config_from_object("celeryconfig")
