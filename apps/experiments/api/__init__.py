"""Endpoints of labs, runs, the ledger, and of what operators see."""

from apps.experiments.api.claims import ClaimsEndpoint as ClaimsEndpoint
from apps.experiments.api.labs import LabEndpoint as LabEndpoint
from apps.experiments.api.labs import LabsEndpoint as LabsEndpoint
from apps.experiments.api.operators import OperatedRunEndpoint as OperatedRunEndpoint
from apps.experiments.api.operators import OperatedRunsEndpoint as OperatedRunsEndpoint
from apps.experiments.api.operators import QueuesEndpoint as QueuesEndpoint
from apps.experiments.api.operators import WorkersEndpoint as WorkersEndpoint
from apps.experiments.api.points import RunBatchesEndpoint as RunBatchesEndpoint
from apps.experiments.api.points import RunPointsEndpoint as RunPointsEndpoint
from apps.experiments.api.points import run_events as run_events
from apps.experiments.api.runs import CompareEndpoint as CompareEndpoint
from apps.experiments.api.runs import RunCancelEndpoint as RunCancelEndpoint
from apps.experiments.api.runs import RunEndpoint as RunEndpoint
from apps.experiments.api.runs import RunRerunEndpoint as RunRerunEndpoint
from apps.experiments.api.runs import RunsEndpoint as RunsEndpoint
from apps.experiments.api.runs import RunVerdictEndpoint as RunVerdictEndpoint
from apps.experiments.api.sources import LabSourceEndpoint as LabSourceEndpoint
from apps.experiments.api.sources import RunSourceEndpoint as RunSourceEndpoint
