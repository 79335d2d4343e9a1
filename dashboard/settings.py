"""Django's settings. Whatever differs between machines comes from `dashboard.env`."""

from csp.constants import NONE, SELF

from dashboard import env
from dashboard.error_reports import report_errors

BASE_DIR = env.BASE_DIR
DATA_DIR = env.make_data_dir()

DEBUG = env.flag("DEBUG", False)
SECRET_KEY = env.django_secret_key()
ENCRYPTION_KEYS = env.encryption_keys()
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
# Behind a proxy that ends HTTPS, sets X-Forwarded-Proto, and takes away what a client sent under that name.
HTTPS = env.flag("HTTPS", False)

INSTALLED_APPS = [
    "integration",  # before Django's own: where both translate a word, the pages' translation counts
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "csp",
    "django_filters",
    "django_htmx",
    "lucide",
    "django_celery_beat",
    "tasks",
]

MIDDLEWARE = [
    "integration.probes.answer_probes",
    "integration.request_log.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "integration.pages.sign_in.SignInMiddleware",  # whatever does not say otherwise
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "dashboard.urls"
WSGI_APPLICATION = "dashboard.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "integration.pages.shell.shell",
            ]
        },
    }
]


DATABASES = {"default": env.database()}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Several processes share the file: writers queue up at BEGIN instead of failing at their first write.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}  # workers cannot share :memory:
else:
    # Seconds; tcp_user_timeout in milliseconds. Without them a connection that is kept would wait for minutes for a
    # server that has vanished without a word (https://www.postgresql.org/docs/current/libpq-connect.html).
    limits = {"connect_timeout": 10, "tcp_user_timeout": 10_000, "keepalives_idle": 30, "keepalives_interval": 10}
    DATABASES["default"]["OPTIONS"] = {**limits, "keepalives_count": 3, **DATABASES["default"].get("OPTIONS", {})}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [{"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "outlets"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ar", "العربية")]
TIME_ZONE = env.time_zone()
USE_TZ = True
USE_I18N = True

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
WHITENOISE_USE_FINDERS = True

SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = env.number("HSTS_SECONDS", 365 * 24 * 60 * 60, least=0) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
# The browsers' preload list is for whole domains and cannot be left: that is not this service's decision.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
# Everything comes from here; nothing inline runs. Icons in the style sheet are data: images.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- What this service is about -------------------------------------------------------------------------

# Platforms that are code, by dotted path; those that are only a contract are in integration.platforms.presets.
PLATFORMS = {"memory": "integration.platforms.memory.Memory"}
# What differs from a platform's contract while nobody has stored another: {"pasons": {"fields": {"sku": "code"}}}
CONTRACTS = env.mapping("CONTRACTS")

# Chunks of one outlet that may be under way at the same time.
PUSH_WINDOW = env.number("PUSH_WINDOW", 2)
# A push after a product update begins no sooner after the last such push of its outlet: more updates gather in it. The
# sweep rings a push that has not begun after RING_AGAIN_SECONDS.
UPDATE_GAP_SECONDS = env.number("UPDATE_GAP_SECONDS", 5, least=0, most=60)
# Longer than the task's time limit, which is longer than a request's deadline; shorter than the visibility timeout.
CHUNK_LEASE_SECONDS = env.number("CHUNK_LEASE_SECONDS", 150)
# Comparisons with shops that may be under way at the same time: each holds a worker process while it reads.
RECONCILE_WINDOW = env.number("RECONCILE_WINDOW", 1)
# A push that has not ended after this long is stopped.
PUSH_DEADLINE_SECONDS = env.number("PUSH_DEADLINE_SECONDS", 2 * 60 * 60)
# Pushes are pruned after so many days, successful ones first; their daily sums are kept.
HISTORY_DAYS = env.number("HISTORY_DAYS", 30)
FAILED_HISTORY_DAYS = env.number("FAILED_HISTORY_DAYS", 90)
# The largest product file that the page takes.
UPLOAD_LIMIT_MB = env.number("UPLOAD_LIMIT_MB", 50)
FILE_UPLOAD_HANDLERS = [
    "integration.upload_limit.LimitedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
# The largest update that a program may send in one request, and how often a token may be used in a minute.
PRODUCT_UPDATE_LIMIT_MB = env.number("PRODUCT_UPDATE_LIMIT_MB", 5)
PRODUCT_UPDATE_LIMIT_ROWS = env.number("PRODUCT_UPDATE_LIMIT_ROWS", 10_000)
TOKEN_REQUESTS_PER_MINUTE = env.number("TOKEN_REQUESTS_PER_MINUTE", 120)
# Where who may use the admin finds the view of the workers; empty: no link.
FLOWER_URL = env.text("FLOWER_URL")
BROKER_URL = env.broker_url()
BROKER_OPTIONS = env.broker_options()
# The same as redis-py writes it, empty where the broker is no Redis; and the Redis in which requests are counted.
BROKER_REDIS_URL = env.broker_redis_url()
RATE_LIMIT_URL = env.redis_url()
SENTINEL_MASTER = env.sentinel_master()
SENTINEL_PASSWORD = env.sentinel_password()
# For development: every outlet's endpoint may lie in a private network or on this machine.
ALLOW_PRIVATE_ADDRESSES = env.flag("ALLOW_PRIVATE_ADDRESSES", False)
# A state is told when it has held for so long, so that a shop that comes and goes is told of once.
ALERT_AFTER_SECONDS = env.number("ALERT_AFTER_SECONDS", 120, least=0)
# What links in alerts begin with; empty: alerts have none.
DASHBOARD_URL = env.web_address("DASHBOARD_URL")
# How long a message may take before the sweep sends another one.
RING_AGAIN_SECONDS = env.number("RING_AGAIN_SECONDS", 60)

LOG_FORMAT = env.choice("LOG_FORMAT", "text", ("json", "text"))
LOG_LEVEL = env.choice("LOG_LEVEL", "warning", ("debug", "info", "warn", "warning", "error", "critical")).upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "integration.log_context.ContextFilter"}},
    "formatters": {
        "text": {
            "()": "integration.log_context.TextFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        },
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s %(process)d %(message)s",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        },
    },
    "handlers": {
        "null": {"class": "logging.NullHandler"},
        "console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["context"]},
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "integration": {"level": LOG_LEVEL},
        "tasks": {"level": LOG_LEVEL},
        # A worker says when it is ready, beat when it starts.
        "celery": {"level": "INFO"},
        # httpx logs each request's URL, which may carry a key.
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        # Both may log an alert target's address, which holds secrets: integration.alert_targets hears what is needed.
        "apprise": {"handlers": ["null"], "propagate": False},
        "urllib3": {"handlers": ["null"], "propagate": False},
    },
}

OWN_SECRETS = [SECRET_KEY, *ENCRYPTION_KEYS, str(DATABASES["default"].get("PASSWORD", "")), RATE_LIMIT_URL]
OWN_SECRETS += [BROKER_URL, SENTINEL_PASSWORD]
report_errors(env.sentry_dsn(), OWN_SECRETS)
