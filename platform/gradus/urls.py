"""The URLs of all apps."""

from django.contrib import admin
from django.urls import include, path

from apps.common.security_txt import security_txt
from gradus import site_pages

urlpatterns = [
    path(".well-known/security.txt", security_txt, name="security-txt"),
    path("robots.txt", site_pages.robots_txt, name="robots"),
    path("sitemap.xml", site_pages.sitemap, name="sitemap"),
    path("about", site_pages.about, name="about"),
    path("privacy", site_pages.privacy, name="privacy"),
    path("licence", site_pages.licence, name="licence"),
    path("admin/", admin.site.urls),
    path("accounts/", include("apps.accounts.auth_urls")),
    path("", include("apps.accounts.urls")),
    path("", include("apps.api.urls")),
    path("", include("apps.notices.urls")),
    path("", include("apps.webhooks.urls")),
    path("", include("apps.progress.urls")),  # before the labs: `/` is Today
    path("", include("apps.questions.urls")),
    path("", include("apps.experiments.urls")),
    path("", include("apps.discussions.urls")),
    path("api/v1/", include("gradus.api_urls")),
    path("api/worker/v1/", include("apps.experiments.worker_api_urls")),
    path("", include("apps.archives.urls")),
]
handler404 = "apps.common.error_views.not_found"
handler403 = "apps.common.error_views.forbidden"
handler500 = "apps.common.error_views.server_error"
handler400 = "apps.common.error_views.bad_request"
handler429 = "apps.common.error_views.too_many"  # allauth's rate limits
