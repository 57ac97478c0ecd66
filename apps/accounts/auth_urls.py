"""The pages of allauth that this site has, with allauth's URL names."""

from allauth.account import views
from django.urls import path, re_path

from apps.accounts.provider_views import (
    SetPasswordView,
    provider_callback,
    provider_sign_in,
    provider_signup,
)
from apps.accounts.sign_in_views import SecondStepView, passkey_options, passkey_sign_in
from apps.accounts.signup import SignupView

urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("login/second-step/", SecondStepView.as_view(), name="mfa_authenticate"),
    path("login/passkey/", passkey_sign_in, name="passkey_sign_in"),
    path("login/passkey/options/", passkey_options, name="passkey_options"),
    path("login/with/<str:provider>/", provider_sign_in, name="provider_sign_in"),
    path("login/with/<str:provider>/callback/", provider_callback, name="provider_callback"),
    path("signup/with/", provider_signup, name="provider_signup"),
    path("logout/", views.logout, name="account_logout"),
    path("reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("signup/", SignupView.as_view(), name="account_signup"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("confirm-email/", views.email_verification_sent, name="account_email_verification_sent"),
    re_path(
        r"^confirm-email/(?P<key>[-:\w]+)/$", views.confirm_email, name="account_confirm_email"
    ),
    path("password/change/", views.password_change, name="account_change_password"),
    path("password/set/", SetPasswordView.as_view(), name="account_set_password"),
    path("password/reset/", views.password_reset, name="account_reset_password"),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]
