from django.urls import URLPattern

app_name = "worker_api"
urlpatterns: list[URLPattern] = []
