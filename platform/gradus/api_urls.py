"""The URLs of `/api/v1/`: of each app those of its `api_urls.py`."""

from django.urls import include, path

urlpatterns = [
    path("", include("apps.api.api_urls")),
    path("", include("apps.experiments.api_urls")),
    path("", include("apps.questions.api_urls")),
    path("", include("apps.progress.api_urls")),
    path("", include("apps.discussions.api_urls")),
    path("", include("apps.notices.api_urls")),
    path("", include("apps.webhooks.api_urls")),
    path("", include("apps.archives.api_urls")),
]
