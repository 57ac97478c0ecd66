from django.urls import path

from apps.notices import api

app_name = "notices_api"
urlpatterns = [
    path("notices", api.NoticesEndpoint.as_view(), name="notices"),
    path("notices/unread-count", api.UnreadCountEndpoint.as_view(), name="unread-count"),
    path("notices/read", api.NoticesReadEndpoint.as_view(), name="read-all"),
    path("notices/<int:pk>/read", api.NoticeReadEndpoint.as_view(), name="read"),
    path("notices/settings", api.NoticeSettingsEndpoint.as_view(), name="settings"),
    path(
        "notices/settings/<slug:notice_kind>", api.NoticeSettingEndpoint.as_view(), name="setting"
    ),
]
