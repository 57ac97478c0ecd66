from django.urls import path, register_converter

from apps.common.converters import BigId
from apps.common.problems import answers_json
from apps.experiments import worker_api

register_converter(BigId, "bigid")

app_name = "worker_api"
lease = answers_json(worker_api.LeaseEndpoint.as_view())
events = answers_json(worker_api.EventsEndpoint.as_view())
result = answers_json(worker_api.ResultEndpoint.as_view())
release = answers_json(worker_api.ReleaseEndpoint.as_view())
urlpatterns = [
    path("lease", lease, name="lease"),
    path("run-attempts/<bigid:run_attempt_id>/events", events, name="events"),
    path("run-attempts/<bigid:run_attempt_id>/result", result, name="result"),
    path("run-attempts/<bigid:run_attempt_id>/release", release, name="release"),
]
