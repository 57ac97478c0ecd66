from django.urls import path

from apps.discussions import api

app_name = "discussions_api"
urlpatterns = [
    path("threads", api.ThreadsEndpoint.as_view(), name="threads"),
    path("threads/<int:pk>", api.ThreadEndpoint.as_view(), name="thread"),
    path("threads/<int:pk>/events", api.thread_events, name="thread-events"),
    path("threads/<int:pk>/follow", api.ThreadFollowEndpoint.as_view(), name="thread-follow"),
    path("threads/<int:pk>/posts", api.ThreadPostsEndpoint.as_view(), name="posts"),
    path("threads/<int:pk>/posts/<int:number>", api.PostEndpoint.as_view(), name="post"),
    path(
        "threads/<int:pk>/posts/<int:number>/revisions",
        api.PostRevisionsEndpoint.as_view(),
        name="post-revisions",
    ),
    path("threads/<int:pk>/posts/<int:number>/vote", api.PostVoteEndpoint.as_view(), name="vote"),
    path(
        "threads/<int:pk>/posts/<int:number>/acceptance",
        api.PostAcceptanceEndpoint.as_view(),
        name="acceptance",
    ),
    path("threads/<int:pk>/posts/<int:number>/flag", api.PostFlagEndpoint.as_view(), name="flag"),
    path("posts/preview", api.PostPreviewEndpoint.as_view(), name="preview"),
    path("moderation-actions", api.ModerationActionsEndpoint.as_view(), name="actions"),
    path("moderation-actions/<int:pk>", api.ModerationActionEndpoint.as_view(), name="action"),
    path("moderation-actions/<int:pk>/appeal", api.AppealEndpoint.as_view(), name="appeal"),
]
