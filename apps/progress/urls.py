from django.urls import path

from apps.progress import views

app_name = "progress"
urlpatterns = [
    path("", views.today, name="today"),
    path("plan", views.plan, name="plan"),
    path("verdicts/<uuid:pk>", views.verdict_read, name="verdict-read"),
    path("runs/<uuid:pk>/questions", views.run_questions, name="run-questions"),
    path("questions", views.questions, name="questions"),
    path("notes", views.own_questions, name="own-questions"),
    path("questions/<slug:slug>", views.question, name="question"),
    path("questions/<slug:slug>/check", views.check, name="question-check"),
    path("questions/<slug:slug>/hint", views.hint, name="question-hint"),
    path("questions/<slug:slug>/reveal", views.reveal, name="question-reveal"),
    path("questions/<slug:slug>/grade", views.grade, name="question-grade"),
    path("questions/<slug:slug>/points", views.points, name="question-points"),
    path("questions/<slug:slug>/note", views.note, name="question-note"),
    path("questions/<slug:slug>/bookmark", views.bookmark, name="question-bookmark"),
    path("questions/<slug:slug>/suspend", views.suspend, name="question-suspend"),
    path("questions/<slug:slug>/card", views.card, name="question-card"),
    path("private-cards", views.private_cards, name="private-cards"),
    path("private-cards/new", views.new_private_card, name="private-card-new"),
    path("private-cards/delete", views.delete_private_cards, name="private-cards-delete"),
    path("private-cards/<slug:slug>/edit", views.edit_private_card, name="private-card-edit"),
    path("private-cards/<slug:slug>/delete", views.delete_private_card, name="private-card-delete"),
    path("review", views.review, name="review"),
    path("review/start", views.start, name="review-start"),
    path("review/end", views.end, name="review-end"),
    path("review/skip", views.skip, name="review-skip"),
    path("review/undo", views.undo, name="review-undo"),
    path("progress", views.progress, name="progress"),
    path("progress/<slug:figure>.csv", views.progress_csv, name="progress-csv"),
    path("topics/<slug:slug>", views.topic, name="topic"),
]
