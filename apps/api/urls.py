from django.urls import path

from apps.api import device_views, views

app_name = "api_pages"
urlpatterns = [
    path("settings/tokens", views.tokens, name="tokens"),
    path("settings/tokens/new", views.new, name="new"),
    path("settings/tokens/revoke", views.revoke, name="revoke"),
    path("device", device_views.device, name="device"),
    path("device/decide", device_views.decide, name="device-decide"),
]
