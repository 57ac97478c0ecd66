from django.urls import path, re_path

from apps.discussions import sse, views
from apps.discussions.views import embeds, moderation, people, pictures

app_name = "discussions"
urlpatterns = [
    re_path(r"^people/(?P<handle>[A-Za-z0-9_-]{1,30})\Z", people.person, name="person"),
    path("threads/chart", embeds.chart, name="chart"),
    path("threads", views.threads, name="threads"),
    path("threads/new", views.new, name="new"),
    path("threads/preview", views.preview, name="preview"),
    path("threads/panel", views.panel, name="panel"),
    path("threads/runs", views.own_runs, name="own-runs"),
    path("threads/<int:pk>", views.thread, name="thread"),
    path("threads/<int:pk>/reply", views.reply, name="reply"),
    path("threads/<int:pk>/follow", views.follow, name="thread-follow"),
    path("threads/<int:pk>/posts/<int:number>", views.post, name="post"),
    path("threads/<int:pk>/posts/<int:number>/quote", views.quote, name="post-quote"),
    path("threads/<int:pk>/posts/<int:number>/edit", views.edit, name="post-edit"),
    path("threads/<int:pk>/posts/<int:number>/delete", views.delete, name="post-delete"),
    path("threads/<int:pk>/posts/<int:number>/vote", views.vote, name="post-vote"),
    path("threads/<int:pk>/posts/<int:number>/accept", views.accept, name="post-accept"),
    path("threads/<int:pk>/posts/<int:number>/history", views.history, name="post-history"),
    path("threads/<int:pk>/events", sse.stream_thread, name="thread-events"),
    path("pictures", pictures.upload, name="picture-upload"),
    re_path(
        r"^pictures/(?P<sha256>[0-9a-f]{64})\.(?P<extension>png|jpeg|webp)\Z",
        pictures.picture,
        name="picture",
    ),
    path("threads/<int:pk>/posts/<int:number>/flag", moderation.flag, name="post-flag"),
    path("moderation", moderation.queue, name="moderation"),
    path("moderation/log", moderation.log, name="moderation-log"),
    path("moderation/mutes", moderation.mutes, name="moderation-mutes"),
    path("moderation/threads/<int:pk>/posts/<int:number>", moderation.post, name="moderation-post"),
    path("moderation/threads/<int:pk>", moderation.thread, name="moderation-thread"),
    path("moderation/people/<int:pk>", moderation.person, name="moderation-person"),
    path("moderation/appeals/<int:pk>", moderation.decision, name="moderation-decision"),
    path("appeals/<int:pk>", moderation.appeal, name="appeal"),
]
