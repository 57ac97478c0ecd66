from django.urls import path

from apps.questions import api

app_name = "questions_api"
urlpatterns = [
    path("questions", api.QuestionsEndpoint.as_view(), name="questions"),
    path("questions/<slug:slug>/reports", api.ReportsEndpoint.as_view(), name="reports"),
]
