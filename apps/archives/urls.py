from django.urls import path

from apps.archives import views

app_name = "archives"
urlpatterns = [
    path("settings/data", views.data, name="data"),
    path("settings/data/import", views.import_file, name="import"),
    path("settings/data/import/<str:key>/confirm", views.confirm, name="import-confirm"),
    path("settings/data/import/<str:key>/discard", views.discard, name="import-discard"),
    path("settings/data/make", views.make, name="make"),
    path("settings/data/<str:key>/download", views.download, name="download"),
    path("settings/data/<str:key>/delete", views.delete, name="delete"),
]
