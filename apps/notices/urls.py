from django.urls import path, register_converter

from apps.common.converters import BigId
from apps.notices import views

register_converter(BigId, "notice_id")

app_name = "notices"
urlpatterns = [
    path("notices", views.notices, name="notices"),
    path("notices/<notice_id:pk>/open", views.open_notice, name="open"),
    path("notices/read", views.read, name="read"),
    path("notices/settings", views.settings, name="settings"),
    path("notices/unsubscribe/<str:token>", views.unsubscribe, name="unsubscribe"),
]
