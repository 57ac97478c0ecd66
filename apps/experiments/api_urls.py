from django.urls import path, register_converter

from apps.common.converters import BigId
from apps.experiments import api

register_converter(BigId, "bigid")

app_name = "worker_api"
urlpatterns = [
    path("lease", api.LeaseEndpoint.as_view(), name="lease"),
    path("run-attempts/<bigid:run_attempt_id>/events", api.EventsEndpoint.as_view(), name="events"),
    path("run-attempts/<bigid:run_attempt_id>/result", api.ResultEndpoint.as_view(), name="result"),
    path(
        "run-attempts/<bigid:run_attempt_id>/release", api.ReleaseEndpoint.as_view(), name="release"
    ),
]
