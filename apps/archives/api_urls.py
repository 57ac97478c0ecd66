from django.urls import path

from apps.archives import api

app_name = "archives_api"
urlpatterns = [
    path("exports", api.ExportsEndpoint.as_view(), name="exports"),
    path("exports/<str:key>", api.ExportEndpoint.as_view(), name="export"),
    path("exports/<str:key>/download", api.ExportFileEndpoint.as_view(), name="export-file"),
    path("imports", api.ImportsEndpoint.as_view(), name="imports"),
    path("imports/<str:key>", api.ImportEndpoint.as_view(), name="import"),
    path("imports/<str:key>/confirm", api.ImportConfirmEndpoint.as_view(), name="import-confirm"),
]
