from django.urls import path

from apps.api import api, device_api

app_name = "api"
urlpatterns = [
    path("schema", api.schema, name="schema"),
    path("me", api.MeEndpoint.as_view(), name="me"),
    path("tokens", api.TokensEndpoint.as_view(), name="tokens"),
    path("tokens/<uuid:pk>", api.TokenEndpoint.as_view(), name="token"),
    path("device", device_api.DeviceEndpoint.as_view(), name="device"),
    path("device/token", device_api.DeviceTokenEndpoint.as_view(), name="device-token"),
]
