"""Celery's settings: plain data. A test checks every name, since Celery ignores unknown ones silently."""

from dashboard import env

broker_url = env.broker_url()
broker_connection_retry_on_startup = True
# Workers drop the time-outs, because a consumer's acknowledgements fail for good after one.
broker_transport_options = env.broker_options()
# Redis' client connects anew by itself; another one's publisher needs a second try after its broker was away.
task_publish_retry = not env.broker_redis_url()
task_publish_retry_policy = {"max_retries": 1, "interval_start": 0, "interval_step": 0}

imports = ("tasks.push", "tasks.uploads", "tasks.alerts", "tasks.reconcile", "tasks.maintenance")
task_ignore_result = True
task_serializer = "json"
accept_content = ("json",)
task_acks_late = True
task_reject_on_worker_lost = True
task_time_limit = 130
task_track_started = True

worker_concurrency = env.number("WORKER_CONCURRENCY", 4)  # they mostly wait for shops
worker_prefetch_multiplier = 1
worker_max_tasks_per_child = 1000
worker_max_memory_per_child = 300_000  # KiB
worker_soft_shutdown_timeout = 20
worker_send_task_events = worker_enable_remote_control = env.broker_has_events()
worker_hijack_root_logger = False
# Django renews connections, see tasks/connections.py. Celery closes none before it forks either: its parent has none.
CELERY_DB_REUSE_MAX = 1_000_000  # tasks

timezone = env.time_zone()
enable_utc = True
beat_scheduler = "django_celery_beat.schedulers:DatabaseScheduler"
