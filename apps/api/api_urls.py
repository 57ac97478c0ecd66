from django.urls import path

from apps.api import api

app_name = "api"
urlpatterns = [
    path("schema", api.schema, name="schema"),
    path("docs", api.docs, name="docs"),
    path("me", api.MeEndpoint.as_view(), name="me"),
    path("tokens", api.TokensEndpoint.as_view(), name="tokens"),
    path("tokens/<uuid:pk>", api.TokenEndpoint.as_view(), name="token"),
]
