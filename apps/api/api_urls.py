from django.urls import path

from apps.api import api, device_api, session_api

app_name = "api"
urlpatterns = [
    path("schema", api.schema, name="schema"),
    path("docs", api.docs, name="docs"),
    path("me", api.MeEndpoint.as_view(), name="me"),
    path("tokens", api.TokensEndpoint.as_view(), name="tokens"),
    path("tokens/<uuid:pk>", api.TokenEndpoint.as_view(), name="token"),
    path("device", device_api.DeviceEndpoint.as_view(), name="device"),
    path("device/token", device_api.DeviceTokenEndpoint.as_view(), name="device-token"),
    path("sessions", session_api.SessionsEndpoint.as_view(), name="sessions"),
    path("sessions/sign-out", session_api.SignOutEndpoint.as_view(), name="sign-out"),
    path("sessions/<str:name>", session_api.SessionEndpoint.as_view(), name="session"),
]
