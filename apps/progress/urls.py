from django.urls import path

from apps.progress import views

app_name = "progress"
urlpatterns = [
    path("", views.today, name="today"),
    path("plan", views.plan, name="plan"),
    path("verdicts/<uuid:pk>", views.verdict, name="verdict"),
    path("runs/<uuid:pk>/questions", views.offers, name="offers"),
    path("questions/<slug:slug>", views.question, name="question"),
    path("questions/<slug:slug>/check", views.check, name="check"),
    path("questions/<slug:slug>/hint", views.hint, name="hint"),
    path("questions/<slug:slug>/reveal", views.reveal, name="reveal"),
    path("questions/<slug:slug>/grade", views.grade, name="grade"),
    path("questions/<slug:slug>/points", views.points, name="points"),
    path("questions/<slug:slug>/note", views.note, name="note"),
    path("questions/<slug:slug>/bookmark", views.bookmark, name="bookmark"),
    path("questions/<slug:slug>/suspend", views.suspend, name="suspend"),
    path("questions/<slug:slug>/card", views.card, name="card"),
    path("review", views.review, name="review"),
    path("review/start", views.start, name="start"),
    path("review/end", views.end, name="end"),
    path("review/skip", views.skip, name="skip"),
    path("review/undo", views.undo, name="undo"),
    path("progress", views.progress, name="progress"),
    path("progress/<slug:figure>.csv", views.table, name="table"),
    path("topics/<slug:slug>", views.topic, name="topic"),
]
