from django.urls import path

from apps.accounts import provider_views, sign_in_views, views

app_name = "accounts"
urlpatterns = [
    path("settings", views.settings, name="settings"),
    path("settings/sessions", views.sessions, name="sessions"),
    path("settings/sign-in", sign_in_views.sign_in, name="sign-in"),
    path("settings/sign-in/app", sign_in_views.totp, name="totp"),
    path("settings/sign-in/passkeys", sign_in_views.passkey_add, name="passkey-add"),
    path("settings/sign-in/recovery-codes", sign_in_views.recovery_codes, name="recovery-codes"),
    path("settings/sign-in/<int:pk>/remove", sign_in_views.factor_remove, name="factor-remove"),
    path(
        "settings/sign-in/with/<str:provider>",
        provider_views.provider_connect,
        name="provider-connect",
    ),
    path(
        "settings/sign-in/with/<str:provider>/confirm",
        provider_views.provider_confirm,
        name="provider-confirm",
    ),
    path(
        "settings/sign-in/accounts/<int:pk>/remove",
        provider_views.provider_disconnect,
        name="provider-disconnect",
    ),
    path("settings/activity", views.activity, name="activity"),
    path("settings/email", views.email, name="email"),
    path("email/<str:token>", views.email_confirm, name="email-confirm"),
    path("settings/delete", views.delete, name="delete"),
    path("settings/keep", views.keep, name="keep"),
    path("keep/<str:token>", views.keep_by_link, name="keep-by-link"),
    path("language", views.language, name="language"),
    path("theme", views.theme, name="theme"),
    path("resume/<uuid:pk>", views.resume, name="resume"),
    path("operator/<str:token>", views.operator, name="operator"),
]
