from django.urls import path

from apps.progress import api

app_name = "progress_api"
urlpatterns = [
    path("questions/<slug:slug>", api.QuestionEndpoint.as_view(), name="question"),
    path(
        "questions/<slug:slug>/attempts",
        api.QuestionAttemptsEndpoint.as_view(),
        name="question-attempts",
    ),
    path("attempts", api.AttemptsEndpoint.as_view(), name="attempts"),
    path("attempts/<uuid:pk>", api.AttemptEndpoint.as_view(), name="attempt"),
    path("attempts/<uuid:pk>/answers", api.AttemptAnswersEndpoint.as_view(), name="answers"),
    path("attempts/<uuid:pk>/hints", api.AttemptHintsEndpoint.as_view(), name="hints"),
    path("attempts/<uuid:pk>/reveal", api.AttemptRevealEndpoint.as_view(), name="reveal"),
    path("attempts/<uuid:pk>/grade", api.AttemptGradeEndpoint.as_view(), name="grade"),
    path("attempts/<uuid:pk>/points", api.AttemptPointsEndpoint.as_view(), name="points"),
    path("cards", api.CardsEndpoint.as_view(), name="cards"),
    path("cards/<slug:slug>", api.CardEndpoint.as_view(), name="card"),
    path("private-cards", api.PrivateCardsEndpoint.as_view(), name="private-cards"),
    path("private-cards/<slug:slug>", api.PrivateCardEndpoint.as_view(), name="private-card"),
    path("reviews", api.ReviewsEndpoint.as_view(), name="reviews"),
    path("reviews/undo", api.ReviewUndoEndpoint.as_view(), name="review-undo"),
    path("review-session", api.ReviewSessionEndpoint.as_view(), name="review-session"),
    path("review-session/skip", api.ReviewSkipEndpoint.as_view(), name="review-skip"),
    path("questions/<slug:slug>/note", api.NoteEndpoint.as_view(), name="note"),
    path("bookmarks", api.BookmarksEndpoint.as_view(), name="bookmarks"),
    path("bookmarks/<slug:slug>", api.BookmarkEndpoint.as_view(), name="bookmark"),
    path("plan", api.PlanEndpoint.as_view(), name="plan"),
    path("today", api.TodayEndpoint.as_view(), name="today"),
    path("statistics", api.StatisticsEndpoint.as_view(), name="statistics"),
    path("forecast", api.ForecastEndpoint.as_view(), name="forecast"),
    path("verdicts/unread", api.UnreadVerdictsEndpoint.as_view(), name="unread-verdicts"),
    path("verdicts/unread/<uuid:pk>", api.UnreadVerdictEndpoint.as_view(), name="unread-verdict"),
]
