"""What site and workers compute separately and must agree on; and who listens to the signal."""

from __future__ import annotations

import json
import re
import weakref

import pytest
from django.conf import settings

from apps.experiments.loading import load_labs
from apps.experiments.models import Lab, Outcome, Run
from apps.experiments.signals import run_over
from tests.e2e import people
from workers import catalogue, wire

# Dotted names; add yours here, and say in docs/architecture.md what follows from a run.
LISTENERS = {"apps.progress.listeners.note_verdict", "apps.progress.listeners.tell_webhooks"}


@pytest.mark.django_db
def test_site_and_workers_give_every_lab_the_same_hash() -> None:
    load_labs(settings.LABS_FOLDER)
    of_the_site = {
        lab.slug: lab.current.code_hash
        for lab in Lab.objects.offered().select_related("current")
        if lab.current
    }
    assert of_the_site == catalogue.code_hashes()
    assert {"dead-relu", "activation-atlas", "activation-cost"} <= set(of_the_site)


def test_states_and_outcomes_are_the_same_words_on_both_sides() -> None:
    assert set(wire.EndState.__args__) | {Run.State.LOST} == set(Run.ENDED_STATES)  # type: ignore[attr-defined]
    assert set(wire.Outcome.__args__) == set(Outcome.values)  # type: ignore[attr-defined]


def test_scripts_know_the_states_in_which_a_run_has_ended() -> None:
    script = (settings.ROOT / "platform/frontend/js/run-stream.js").read_text(encoding="utf-8")
    listed = re.search(r"ENDED_STATES = (\[.*?\]);", script)
    assert listed and json.loads(listed.group(1)) == [str(state) for state in Run.ENDED_STATES]
    assert set(people.ENDED_STATES) == set(Run.ENDED_STATES)


def test_whoever_listens_to_the_end_of_runs_is_listed() -> None:
    listeners = set()
    for receiver in run_over.receivers:
        listener = receiver[1]() if isinstance(receiver[1], weakref.ReferenceType) else receiver[1]
        if listener is not None and listener.__module__.startswith(("apps.", "gradus.")):
            listeners.add(f"{listener.__module__}.{listener.__qualname__}")
    assert listeners == LISTENERS
