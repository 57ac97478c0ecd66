"""All settings. A fresh clone runs; `env.py` alone reads the environment; docs/settings.md lists
every variable.
"""

from __future__ import annotations

import sys
from pathlib import Path

import django_stubs_ext
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from gradus import env

django_stubs_ext.monkeypatch()

ROOT = Path(__file__).resolve().parents[2]
PLATFORM = ROOT / "platform"
TESTING = "pytest" in sys.modules

# ---------------------------------------------------------------- who and where

DEBUG = env.flag("DEBUG", False)
SECRET_KEY = env.text("SECRET_KEY") or ("only for tests" if TESTING else "")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. `./gradus up` makes one for you; servers of your own set theirs."
    )
_site = env.site_url("SITE_URL", "http://127.0.0.1:8000")
SITE_URL = f"{_site.scheme}://{_site.netloc}"
SECURE = _site.scheme == "https"  # turns on what requires https
SITE_PORT = str(_site.port or (443 if SECURE else 80))
SITE_HOST = f"[{_site.hostname}]" if ":" in str(_site.hostname) else str(_site.hostname)
# host: the ports at which it is answered besides SITE_PORT and the one that the server listens at
HOST_PORTS = env.hosts("ALLOWED_HOSTS") or {
    host: set[str]() for host in (SITE_HOST, "127.0.0.1", "localhost", "[::1]")
}
ALLOWED_HOSTS = list(HOST_PORTS)
CSRF_TRUSTED_ORIGINS = [SITE_URL]
# former keys: what they signed stays valid, and nothing new is signed with them
SECRET_KEY_FALLBACKS = env.texts("SECRET_KEY_FALLBACKS")
# mailto: or https: addresses for who finds a fault; with none there is no security.txt
SECURITY_CONTACT = env.contacts("SECURITY_CONTACT")
# who runs the site, with an address to write to: on the page about privacy
SITE_OPERATOR = env.text("SITE_OPERATOR")
SOURCE_URL = env.link("SOURCE_URL")  # of the code that this site runs: in the footer
SITE_ID = 1

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.contrib.sitemaps",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.google",
    "csp",
    "django_htmx",
    "rest_framework",
    "knox",
    "corsheaders",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "apps.common",
    "apps.audit",
    "apps.accounts",
    "apps.api",
    "apps.notices",
    "apps.webhooks",
    "apps.questions",
    "apps.experiments",
    "apps.progress",
    "apps.discussions",
    "apps.archives",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "apps.common.middleware.BrowserPolicyMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "apps.common.compression.CompressionMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "apps.accounts.middleware.LanguageMiddleware",
    "apps.common.middleware.HostMiddleware",
    "django.middleware.common.CommonMiddleware",
    "apps.common.middleware.AdminInputMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apps.accounts.middleware.SessionUseMiddleware",
    "apps.audit.middleware.OriginMiddleware",
    "apps.accounts.middleware.PrivateMiddleware",
    "apps.accounts.middleware.PreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "apps.common.middleware.MemberFormMiddleware",
    "apps.common.middleware.WriteLimitsMiddleware",
    "apps.accounts.middleware.SecondFactorMiddleware",
    "apps.accounts.middleware.ReauthenticationMiddleware",
    "apps.common.middleware.RefusedMiddleware",
]
ROOT_URLCONF = "gradus.urls"
ASGI_APPLICATION = "gradus.asgi.application"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# ---------------------------------------------------------------- storage

DATABASES = {"default": env.database(env.text("DATABASE_URL", "postgresql:///gradus"))}
# without the check, each pooled connection fails once after a restart of the database
DATABASES["default"] |= {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True}
DATABASES["default"]["OPTIONS"] |= {
    "connect_timeout": 3,
    "options": "-c statement_timeout=10s -c lock_timeout=3s -c "
    "idle_in_transaction_session_timeout=30s"
    # without keepalives, the locks of a client that loses power would be held for two hours
    " -c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3",
}
if TESTING:
    # tests of several transactions empty all tables after them, which the audit log refuses
    DATABASES["default"]["OPTIONS"]["options"] += " -c gradus.audit_truncate=on"
else:
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 2, "max_size": 16, "timeout": 5}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Rate limits use the cache. It is in the database, so that sign-in does not depend on Redis.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        # with Django's default of 300, attempts with random addresses would evict the counts
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
    # small charts of runs in posts: a few MB of the process, so that reading writes nothing
    "charts": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "charts",
        "TIMEOUT": 24 * 3600,  # s
        "OPTIONS": {"MAX_ENTRIES": 400},
    },
}
# wake-ups and live points, nothing else
REDIS_URL = env.text("REDIS_URL", "redis://127.0.0.1:6379/0")

# ---------------------------------------------------------------- people

AUTH_USER_MODEL = "accounts.User"
SILENCED_SYSTEM_CHECKS = [
    "security.W008",  # the proxy that ends TLS redirects; SSL_REDIRECT=1 where there is none
]
AUTHENTICATION_BACKENDS = [
    "apps.accounts.permission_backend.PermissionBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"apps.accounts.passwords.{name}"}
    for name in (
        "LengthValidator",
        "CommonPasswordValidator",
        "GuessesValidator",
        "SimilarityValidator",
    )
]
EMAIL_URL = env.text("EMAIL_URL")
EMAIL_TLS_VERIFY: bool | str = True  # or the file of CA certificates
globals().update(env.mail(EMAIL_URL))
DEFAULT_FROM_EMAIL = env.text("MAIL_FROM", "Gradus <gradus@localhost>")
# after which rows of the outbox are deleted, sent or failed
MAIL_KEEP_DAYS = env.positive("MAIL_KEEP_DAYS", 30)
# after which notices that were read are deleted
NOTICES_KEEP_DAYS = env.positive("NOTICES_KEEP_DAYS", 90)
# after which events of the audit log are deleted
AUDIT_KEEP_DAYS = env.positive("AUDIT_KEEP_DAYS", 365)
if AUDIT_KEEP_DAYS < 30:
    raise ImproperlyConfigured("AUDIT_KEEP_DAYS must be at least 30.")
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "apps.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = "handle"
ACCOUNT_USER_MODEL_EMAIL_FIELD = "canonical_email"  # the only form that allauth uses
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*"]
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if EMAIL_URL else "none"
ACCOUNT_EMAIL_NOTIFICATIONS = True  # to the owner, of every new password
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Gradus: "
ACCOUNT_SESSION_REMEMBER = True
# in the browser that signed up, which then returns to its page
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
# seconds for which an entered password counts, where something sensitive is done
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
ACCOUNT_PREVENT_ENUMERATION = bool(EMAIL_URL)
ACCOUNT_USERNAME_BLACKLIST = [
    "gradus",
    "admin",
    "administrator",
    "operator",
    "root",
    "system",
    "staff",
    "support",
    "moderator",
]
ACCOUNT_FORMS = {
    "login": "apps.accounts.forms.sign_in.LoginForm",
    "signup": "apps.accounts.forms.sign_in.SignupForm",
    "change_password": "apps.accounts.forms.sign_in.ChangePasswordForm",
    "set_password": "apps.accounts.forms.sign_in.SetPasswordForm",
    "reset_password": "apps.accounts.forms.sign_in.ResetPasswordForm",
    "reset_password_from_key": "apps.accounts.forms.sign_in.ResetPasswordKeyForm",
    "reauthenticate": "apps.accounts.forms.sign_in.ReauthenticateForm",
}
ACCOUNT_RATE_LIMITS = {
    "login": "",  # allauth's would let a neighbour who sends many forms keep everybody out
    # per network, and per network (or known browser) and address: apps/accounts/adapter.py
    "login_failed": "10/m/ip,5/15m/key",
    "login_failed_known_browser": "10/15m/key",
    # wrong passwords of an account, from wherever, without a mail to its owner; and these mails
    "password_guessed": "4/15m/key",
    "password_guessed_mail": "1/d/key",
    # wrong codes at the second step after a right password, without a mail to its owner
    "second_step_failed": "2/15m/key",
    "second_step_failed_mail": "1/d/key",
    "change_address": "5/h/user",
    "signup": "20/m/ip",
    "provider_sign_in": "60/m/ip",
    "reset_password": "20/m/ip,5/m/key",
}
# who may create an account: everybody, who has an invitation, or nobody
SIGNUP = env.choice("SIGNUP", ("open", "invitation", "closed"))
# whether whoever may open the admin or moderate must have a second factor; on a site without
# TLS, such as one on a single machine, a password is enough
STAFF_NEED_SECOND_FACTOR = env.flag("STAFF_NEED_SECOND_FACTOR", SECURE)
# With whose accounts people may sign in, besides the password: those with keys. None by default.
SOCIALACCOUNT_ADAPTER = "apps.accounts.providers.ProviderAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False  # no account is joined by its address
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5  # seconds that a provider has for each answer
SOCIALACCOUNT_PROVIDERS = {
    "github": {
        "provider_class": "apps.accounts.providers.GitHubSignIn",
        "APPS": env.sign_in_keys("GITHUB", env.text("GITHUB_CLIENT_ID"), env.text("GITHUB_SECRET")),
        "SCOPE": ["user:email"],
        "OAUTH_PKCE_ENABLED": True,
        "ORIGIN": "https://github.com",
    },
    "google": {
        "provider_class": "apps.accounts.providers.GoogleSignIn",
        "APPS": env.sign_in_keys("GOOGLE", env.text("GOOGLE_CLIENT_ID"), env.text("GOOGLE_SECRET")),
        "SCOPE": ["email"],
        "OAUTH_PKCE_ENABLED": True,
        "ORIGIN": "https://accounts.google.com",
    },
}
MFA_ADAPTER = "apps.accounts.mfa_adapter.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "apps.accounts.forms.second_factors.SecondStepForm",
    "authenticate_webauthn": "apps.accounts.forms.second_factors.SecondStepPasskeyForm",
}
MFA_TOTP_TOLERANCE = 1  # steps of 30 s, before and after, for clocks that differ

# ---------------------------------------------------------------- words and time

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [PLATFORM / "locale"]
FORMAT_MODULE_PATH = "gradus.formats"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# ---------------------------------------------------------------- files and policy

STATIC_URL = "/static/"
NODE = env.text("GRADUS_NODE")  # the node that builds the front end, when not the one on PATH
STATICFILES_DIRS = [PLATFORM / "static"]
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(ROOT / "staticfiles")))
# otherwise files are served from where they are built
COLLECTED = (STATIC_ROOT / "staticfiles.json").exists()
WHITENOISE_USE_FINDERS = not COLLECTED
if not COLLECTED:  # of the others only chunks have a hash in their names
    WHITENOISE_IMMUTABLE_FILE_TEST = r"/build/chunk-[0-9A-Z]{8}\.js$"
# pictures in posts: in a folder, which `./gradus up` puts into the data folder, or in a bucket
MEDIA_ROOT = Path(env.text("MEDIA_ROOT", str(ROOT / "media")))
BUCKET_URL = env.text("BUCKET_URL")
# archives of people's own data, those that are made and those that wait to be imported: private
EXPORT_ROOT = Path(env.text("EXPORT_ROOT", str(ROOT / "exports")))
STORAGES = {
    "default": env.s3_storage(BUCKET_URL)
    if BUCKET_URL
    else {"BACKEND": "apps.common.files.WholeFileStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if COLLECTED or "collectstatic" in sys.argv
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        # charts and KaTeX position elements with style attributes
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "base-uri": [NONE],
        # a form that begins to sign in elsewhere is answered by a redirect to there
        "form-action": [
            SELF,
            *(one["ORIGIN"] for one in SOCIALACCOUNT_PROVIDERS.values() if one["APPS"]),
        ],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_ENGINE = "apps.accounts.sessions"
# without use, and from the sign-in; docs/security.md says why
SESSION_COOKIE_AGE, SESSION_MAX_AGE = 14 * 24 * 3600, 30 * 24 * 3600  # seconds
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_NAME = "__Host-sid" if SECURE else "sid"
CSRF_FAILURE_VIEW = "apps.common.error_views.csrf_failure"
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE else "csrf"
CSRF_COOKIE_HTTPONLY = True  # scripts take the token from the page
LANGUAGE_COOKIE_NAME = "__Host-language" if SECURE else "language"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # no cookie of its own
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SECURE_SSL_REDIRECT = SECURE and env.flag("SSL_REDIRECT", False)  # usually the proxy redirects
# a program that sends its token by http is refused, not helped on: apps/experiments/worker_api.py
SECURE_REDIRECT_EXEMPT = [r"^api/"]
SECURE_SSL_HOST = _site.netloc  # never the host of the request
# who may say for whom a request is, in X-Forwarded-For and -Proto: apps/common/asgi.py
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
MAX_CONNECTIONS = int(env.positive("MAX_CONNECTIONS", 256))  # of one network, to a web process
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000  # bytes; the worker API has its own limit
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200  # forms of the admin may have more: AdminInputMiddleware

# ---------------------------------------------------------------- programs

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "apps.api.schema.Schema",
    "EXCEPTION_HANDLER": "apps.common.api_errors.handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
MIGRATION_MODULES = {"knox": None}  # its own table is not used: KNOX_TOKEN_MODEL is instead of it
KNOX_TOKEN_MODEL = "api.ApiToken"  # noqa: S105 - a model
REST_KNOX = {"TOKEN_PREFIX": "gradus_"}  # by which scanners for leaked secrets know one
# pages of other sites that may call the API from a browser: with a token, never with a session
CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS")
CORS_URLS_REGEX = r"^/api/v1/" if CORS_ALLOWED_ORIGINS else r"(?!)"  # which is of no address
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_HEADERS = [
    "accept-language",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "last-event-id",
]
CORS_EXPOSE_HEADERS = [
    "ETag",
    "Idempotency-Replayed",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
]
SPECTACULAR_SETTINGS = {
    "TITLE": "Gradus",
    "VERSION": "1",
    "DESCRIPTION": "Study, predict, run and discuss from a program. docs/api.md tells how.",
    "LICENSE": {"name": "MIT"},
    "OAS_VERSION": "3.1.1",
    "PREPROCESSING_HOOKS": ["apps.api.schema.of_version_1"],
    "POSTPROCESSING_HOOKS": [
        "apps.api.schema.add_problem",
    ],
    "COMPONENT_SPLIT_REQUEST": True,
    "SORT_OPERATION_PARAMETERS": False,
    "PATH_CONVERTER_OVERRIDES": {
        "slug": {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"},
        "int": {"type": "integer", "minimum": 0},
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# ---------------------------------------------------------------- runs (in seconds by default)

MAX_QUEUED = int(env.positive("MAX_QUEUED", 20))  # runs a learner may have waiting
MAX_RUNNING = int(env.positive("MAX_RUNNING", 2))  # and running, in each queue
MAX_RUN_ATTEMPTS = 3
LEASE_SECONDS = env.positive("LEASE_SECONDS", 20)
HEARTBEAT_SECONDS = env.positive("HEARTBEAT_SECONDS", 5)
if HEARTBEAT_SECONDS >= LEASE_SECONDS:
    raise ImproperlyConfigured(
        "HEARTBEAT_SECONDS must be less than LEASE_SECONDS: "
        "a run attempt would be given up between two heartbeats."
    )
# of housekeep; a silent run is requeued after a lease, at most a renewal of the listening mark, and
# at most a tick
TICK_SECONDS = env.positive("TICK_SECONDS", 2)
# what housekeep touches every second as long as it works, for who watches over it; empty: nothing
ALIVE_FILE = env.text("GRADUS_ALIVE")
KILL_SECONDS = env.positive("KILL_SECONDS", 5)  # from SIGTERM to SIGKILL
RUN_LIMIT_SECONDS = env.positive("RUN_LIMIT_SECONDS", 900)  # of a run attempt
# without a new point, after which a run attempt counts as stalled, in spite of heartbeats
STALL_SECONDS = env.positive("STALL_SECONDS", 300)
# from its end until the points of a run are thinned; 0: never
POINTS_KEEP_DAYS = env.number("POINTS_KEEP_DAYS", 90)
if POINTS_KEEP_DAYS < 0:
    raise ImproperlyConfigured("POINTS_KEEP_DAYS must be 0 (never) or a number of days.")
CLOCK_OFFSET = env.number("GRADUS_CLOCK_OFFSET", 0)  # tests alone may step the site's clock
if CLOCK_OFFSET and not (TESTING or env.flag("GRADUS_TESTING", False)):
    raise ImproperlyConfigured("GRADUS_CLOCK_OFFSET is for tests; unset it.")
BANK_FOLDER = ROOT / "apps" / "questions" / "bank"
KATEX = PLATFORM / "build" / "katex.min.js"  # bundled by the front end's build
LABS_FOLDER = ROOT / "workers" / "labs"
ENGINE_FOLDER = ROOT / "workers" / "engine"
EVIDENCE_FOLDER = ROOT / "apps" / "experiments" / "evidence"

# ---------------------------------------------------------------- discussions

# whether posts of people who do not moderate await approval, new ones and edits
POSTS_NEED_APPROVAL = env.flag("POSTS_NEED_APPROVAL", False)

# ---------------------------------------------------------------- webhooks

# after which deliveries that arrived, or failed, leave the log
WEBHOOKS_KEEP_DAYS = env.positive("WEBHOOKS_KEEP_DAYS", 30)
# addresses without TLS: for development and closed networks
WEBHOOK_ALLOW_HTTP = env.flag("WEBHOOK_ALLOW_HTTP", False)
# to which deliveries go although they are not of the public internet
WEBHOOK_ALLOWED_NETWORKS = env.networks("WEBHOOK_ALLOWED_NETWORKS")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    # without a time: the launcher writes it before each line, as do systemd and Docker
    "formatters": {
        "line": {
            "()": "apps.common.log_lines.LineFormatter",
            "fmt": "{levelname:<7} {name}: {message}",
            "style": "{",
        }
    },
    # 422 is a form with invalid input, which is no fault to log
    "filters": {
        "faults": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda r: getattr(r, "status_code", 0) != 422,
        }
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["faults"]}
    },
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO")},
    "loggers": {"fido2": {"level": "WARNING"}},  # else it names the passkeys of people
}
