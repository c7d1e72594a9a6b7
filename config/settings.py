"""Django's settings. Every value that may differ between machines comes through `config.env`."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from config import databases, env, post, secrets
from config.local import machine
from config.serving import proxies

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.path("ASSAY_DATA_DIR", BASE_DIR / "var")
DEBUG = env.flag("ASSAY_DEBUG", False)
SECRET_KEY = env.text("ASSAY_SECRET_KEY", "") or secrets.django_key(DATA_DIR)
ALLOWED_HOSTS = env.words("ASSAY_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.words("ASSAY_TRUSTED_ORIGINS", [])
HTTPS = env.flag("ASSAY_HTTPS", False)
TRUSTED_PROXIES = proxies.networks(env.words("ASSAY_TRUSTED_PROXIES", []))

# --- what Assay itself needs -------------------------------------------------------------------
WEB_PORT = env.number("ASSAY_WEB_PORT", 8000)
SCORING_PORT = env.number("ASSAY_SCORING_PORT", 8001)
GRPC_PORT = env.number("ASSAY_GRPC_PORT", 8002)
HOST = env.text("ASSAY_HOST", "127.0.0.1")
WEB_WORKERS = env.number("ASSAY_WEB_WORKERS", 2, minimum=1)
WEB_CONNECTIONS = env.number("ASSAY_WEB_CONNECTIONS", 2048, minimum=16)
WEB_CONNECTIONS_PER_ADDRESS = env.number("ASSAY_WEB_CONNECTIONS_PER_ADDRESS", 256, minimum=8)
WEB_LEAST_BYTES_PER_S = env.number("ASSAY_WEB_LEAST_BYTES_PER_S", 4096)
SCORING_WORKERS = env.number("ASSAY_SCORING_WORKERS", 2, minimum=1)
NODE = env.text("ASSAY_NODE", "local")
SCORING_PROVIDERS = env.text("ASSAY_SCORING_PROVIDERS", "CPUExecutionProvider")
SCORING_PROVIDER_OPTIONS = env.text("ASSAY_SCORING_PROVIDER_OPTIONS", None)
SCORING_MODELS = env.text("ASSAY_SCORING_MODELS", "*")
SCORING_MEMORY_BYTES = env.number("ASSAY_SCORING_MEMORY_BYTES", 0)
SCORING_PUBLIC = env.flag("ASSAY_SCORING_PUBLIC", False)
SCORING_URL = env.text("ASSAY_SCORING_URL", f"http://127.0.0.1:{SCORING_PORT}")
SCORING_ADDRESS = env.text("ASSAY_SCORING_ADDRESS", SCORING_URL)
ENVIRONMENT = env.text("ASSAY_ENVIRONMENT", "production")
ALLOW_UNISOLATED = env.flag("ASSAY_ALLOW_UNISOLATED", False)
STORE = env.text("ASSAY_STORE", f"file:{DATA_DIR / 'artifacts'}")
S3_ENDPOINT_URL = env.text("S3_ENDPOINT_URL", "")
REDIS_URL = env.text("REDIS_URL", f"unix://{DATA_DIR / 'valkey.sock'}")
PLAN_FILE = DATA_DIR / "plans" / f"{ENVIRONMENT}.json"
WITNESS_FILE = DATA_DIR / "witness" / "heads.log"
HEADS_FILE = DATA_DIR / "witness" / "signed.jsonl"
KEYS_DIR = DATA_DIR / "keys"
NODE_KEYS_DIR = env.path("ASSAY_NODE_KEYS", KEYS_DIR)
WORK_DIR = DATA_DIR / "work"
PREPARE_TIMEOUT_S = env.number("ASSAY_PREPARE_TIMEOUT_S", 120)
SWITCH_TIMEOUT_S = env.number("ASSAY_SWITCH_TIMEOUT_S", 20)
PREDICTION_LOG_DAYS = env.number("ASSAY_PREDICTION_LOG_DAYS", 30)
PROVING_SLOTS = env.number("ASSAY_PROVING_SLOTS", machine.room_for_proofs(), minimum=1)
BENCHMARK_SECONDS = env.number("ASSAY_BENCHMARK_SECONDS", 2)
CRASHPOINT_FILE = env.text("ASSAY_CRASHPOINT_FILE", "")
UPLOAD_LIMIT_BYTES = env.number("ASSAY_UPLOAD_LIMIT_BYTES", 10 * 2**30)
DISK_FLOOR_BYTES = env.number("ASSAY_DISK_FLOOR_BYTES", 1073741824)
REAUTHENTICATE_AFTER_S = env.number("ASSAY_REAUTHENTICATE_AFTER_S", 3600)
PUBLIC_URL = post.address(env.text("ASSAY_PUBLIC_URL", f"http://localhost:{WEB_PORT}"))
SMTP = post.server(env.text("ASSAY_SMTP_URL", ""))
MAIL_FROM = post.sender(env.text("ASSAY_MAIL_FROM", ""), PUBLIC_URL)


def PLAN_KEY() -> Ed25519PrivateKey:  # noqa: N802 - a setting that is read late, so that only who signs makes it
    """The key under which this installation signs routing plans."""
    return secrets.plan_key(DATA_DIR)


def REQUEST_KEY() -> bytes:  # noqa: N802 - as above
    """The key under which nodes make request ids."""
    return secrets.request_key(DATA_DIR)


# --- Django ------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "config.apps.HistoryConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "registry",
    "releases",
    "config.apps.ConfigConfig",
    "demo",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "registry.web.middleware.SecurityHeaders",
    "config.assets.Compression",
    "config.assets.Assets",
    "registry.web.unpacking.unpacking",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "registry.web.devices.Devices",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "registry.web.context.frame",
                "releases.web.context.queue",
            ]
        },
    }
]
DATABASES = {"default": databases.parse(env.text("DATABASE_URL", f"sqlite:///{DATA_DIR / 'assay.sqlite3'}"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "registry.Person"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [path for path in (BASE_DIR / "static",) if path.is_dir()]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.assets.Names"},
}
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "config.assets.HashedNames",
]
WHITENOISE_USE_FINDERS = True
# Every upload is spooled to disk by our own parser; nothing large is ever held in memory.
FILE_UPLOAD_TEMP_DIR = None
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
"""Django's own default: the fields of a form without its files, which are texts of people."""
DATA_UPLOAD_MAX_NUMBER_FILES = 64
"""A version has a dozen files; with its weights beside it 50 more (`formats.weights.MOST_FILES`)."""

SESSION_ENGINE = "registry.session_store"
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrftoken"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "registry.web.sessions.csrf_failed"
SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "registry.api.authentication.BearerToken",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["registry.api.permissions.Deny"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["registry.api.parsing.JsonBody"],
    "DEFAULT_SCHEMA_CLASS": "registry.api.openapi.Documented",
    "EXCEPTION_HANDLER": "config.errors.problem",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Assay",
    "DESCRIPTION": "Register, prove, review, release and score model versions.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    # Fields of one name with different values: a generated client has a type for each.
    "ENUM_NAME_OVERRIDES": {
        "FigureTone": "releases.api.compared.TONES",
        "ChangeTone": "releases.api.compared.CHANGE_TONES",
        "VerdictTone": "releases.api.compared.VERDICT_TONES",
    },
}

# --- Celery: messages only wake a worker up; the job row is the truth --------------------------
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"unacked_restore_interval": 2, "unacked_restore_throttle": 1}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
"""A message held by a busy worker would wait there while another one is idle."""
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    "tick": {"task": "releases.tick", "schedule": 1.0, "options": {"expires": 5}},
    "roll up": {"task": "releases.roll_up", "schedule": 60.0, "options": {"expires": 60}},
}
if SMTP is not None:
    CELERY_BEAT_SCHEDULE["mail"] = {
        "task": "releases.mail",
        "schedule": 5.0,
        "options": {"queue": "mail", "expires": 5},
    }
CELERY_BEAT_SCHEDULER = "config.clock:Clock"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"django.request": {"level": "ERROR"}},
}

# What Django itself says (a history row that is not there) comes in the tones of our notices.
MESSAGE_TAGS = {20: "info", 25: "positive", 30: "caution", 40: "danger"}
