from django.urls import path

from apps.accounts import views

app_name = "accounts"
urlpatterns = [
    path("settings", views.settings, name="settings"),
    path("settings/sessions", views.sessions, name="sessions"),
    path("settings/activity", views.activity, name="activity"),
    path("language", views.language, name="language"),
    path("theme", views.theme, name="theme"),
    path("resume/<uuid:pk>", views.resume, name="resume"),
    path("operator/<str:token>", views.operator, name="operator"),
]
