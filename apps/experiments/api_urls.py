from django.urls import path

from apps.experiments import api

app_name = "experiments_api"
urlpatterns = [
    path("labs", api.LabsEndpoint.as_view(), name="labs"),
    path("labs/<slug:slug>", api.LabEndpoint.as_view(), name="lab"),
    path("labs/<slug:slug>/source", api.LabSourceEndpoint.as_view(), name="lab-source"),
    path("runs", api.RunsEndpoint.as_view(), name="runs"),
    path("runs/compare", api.CompareEndpoint.as_view(), name="compare"),
    path("runs/<uuid:pk>", api.RunEndpoint.as_view(), name="run"),
    path("runs/<uuid:pk>/points", api.RunPointsEndpoint.as_view(), name="run-points"),
    path("runs/<uuid:pk>/batches", api.RunBatchesEndpoint.as_view(), name="run-batches"),
    path("runs/<uuid:pk>/events", api.run_events, name="run-events"),
    path("runs/<uuid:pk>/source", api.RunSourceEndpoint.as_view(), name="run-source"),
    path("runs/<uuid:pk>/cancel", api.RunCancelEndpoint.as_view(), name="run-cancel"),
    path("runs/<uuid:pk>/rerun", api.RunRerunEndpoint.as_view(), name="run-rerun"),
    path("runs/<uuid:pk>/verdict", api.RunVerdictEndpoint.as_view(), name="run-verdict"),
    path("claims", api.ClaimsEndpoint.as_view(), name="claims"),
    path("operator/workers", api.WorkersEndpoint.as_view(), name="workers"),
    path("operator/queues", api.QueuesEndpoint.as_view(), name="queues"),
    path("operator/runs", api.OperatedRunsEndpoint.as_view(), name="operated-runs"),
    path("operator/runs/<uuid:pk>", api.OperatedRunEndpoint.as_view(), name="operated-run"),
]
