from django.urls import path

from apps.questions import views

app_name = "questions"
urlpatterns = [
    path("questions/about/<str:claim>", views.about, name="about"),
    path("questions/<slug:slug>/report", views.report, name="report"),
]
