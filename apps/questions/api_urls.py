from django.urls import path

from apps.questions import api, author_api

app_name = "questions_api"
urlpatterns = [
    path("questions", api.QuestionsEndpoint.as_view(), name="questions"),
    path("questions/<slug:slug>/reports", api.ReportsEndpoint.as_view(), name="reports"),
    path("author/questions", author_api.AuthorQuestionsEndpoint.as_view(), name="all-questions"),
    path(
        "author/questions/<slug:slug>/revisions",
        author_api.RevisionsEndpoint.as_view(),
        name="revisions",
    ),
    path("author/revisions/<int:pk>", author_api.RevisionEndpoint.as_view(), name="revision"),
    path(
        "author/revisions/<int:pk>/publish",
        author_api.RevisionPublishEndpoint.as_view(),
        name="publish",
    ),
]
