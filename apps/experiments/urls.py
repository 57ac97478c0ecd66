from django.urls import path

from apps.experiments import sse, views

app_name = "experiments"
urlpatterns = [
    path("labs", views.catalogue, name="catalogue"),
    path("labs/<slug:slug>", views.lab, name="lab"),
    path("labs/<slug:slug>/prediction", views.pending_prediction, name="pending-prediction"),
    path("runs", views.runs, name="runs"),
    path("runs/compare", views.compare, name="compare"),
    path("runs/events", sse.stream_run_states, name="run-states"),
    path("runs/<uuid:pk>", views.run, name="run"),
    path("runs/<uuid:pk>/panel", views.run_panel, name="run-panel"),
    path("runs/<uuid:pk>/points", views.run_points, name="run-points"),
    path("runs/<uuid:pk>/points.csv", views.run_csv, name="run-csv"),
    path("runs/<uuid:pk>/events", sse.stream_run, name="run-events"),
    path("runs/<uuid:pk>/stop", views.run_stop, name="run-stop"),
    path("runs/<uuid:pk>/visibility", views.run_visibility, name="run-visibility"),
    path("runs/<uuid:pk>/rerun", views.run_rerun, name="run-rerun"),
    path("runs/<uuid:pk>/verdict", views.verdict_open, name="verdict-open"),
    path("claims", views.claims, name="claims"),
    path("claims/verdicts", views.verdicts_open, name="verdicts-open"),
]
