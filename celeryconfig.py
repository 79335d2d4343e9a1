"""Celery's settings: plain data. A test checks every name, since Celery ignores unknown ones silently."""

from dashboard import env

broker_url = env.broker_url()
broker_connection_retry_on_startup = True
broker_transport_options = {
    # A message that a dead worker held is delivered again after this long. The rows do not wait for it.
    "visibility_timeout": 900,
    "unacked_restore_interval": 5,
    # For publishers (web, beat, commands): a broker that hangs must not block a page. A publish may wait
    # three times for it (write, read, connect anew) and shall be over within 3 s. Workers drop both,
    # because a consumer's acknowledgements fail for good after a socket time-out.
    "socket_timeout": 0.8,
    "socket_connect_timeout": 0.8,
}
task_publish_retry = False

imports = ("tasks.push", "tasks.uploads", "tasks.alerts", "tasks.maintenance")
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
worker_send_task_events = True
worker_hijack_root_logger = False

timezone = env.text("TIME_ZONE", "Asia/Dubai")
enable_utc = True
beat_scheduler = "django_celery_beat.schedulers:DatabaseScheduler"
