"""Hundreds of labs, claims, runs and questions: for the test of queries, and for the benchmark.

The labs are `dead-relu` under other names. 64 of 72 have a recorded run; ten learners ran each of
them. One learner predicted every third lab, opened every fifth, and ran twenty at other settings.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradus.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from apps.accounts.models import PROJECT_HANDLE, User  # noqa: E402
from apps.common import clock  # noqa: E402
from apps.common.topics import TOPICS  # noqa: E402
from apps.experiments import lab_config  # noqa: E402
from apps.experiments.loading import load_labs  # noqa: E402
from apps.experiments.models import (  # noqa: E402
    Lab,
    OpenedVerdict,
    Outcome,
    Prediction,
    Run,
    Verdict,
)
from apps.questions.models import Question  # noqa: E402

LABS, CLAIMS, QUESTIONS = 72, 413, 228
RECORDED = 64  # of the labs
LEARNERS = 10  # besides the one who reads
CUSTOM_RUNS = 20
MODEL = "dead-relu"
LAST_CLAIM = f'[claims."{MODEL}.leaky-keeps-everything"]'  # some labs go without it
KINDS = Lab.Kind.values


def slug_of(number: int) -> str:
    return f"made-{number:02}"


def topic_of(number: int) -> str:
    return list(TOPICS)[number % len(TOPICS)]


def write_labs(folder: Path) -> None:
    """Write the files of the labs."""
    words = (settings.LABS_FOLDER / "dead_relu.toml").read_text(encoding="utf-8")
    code = (settings.LABS_FOLDER / "dead_relu.py").read_text(encoding="utf-8")
    without_last = 6 * LABS - CLAIMS
    for number in range(LABS):
        text = words if number >= without_last else words.partition(LAST_CLAIM)[0]
        text = re.sub("(?m)^topic = .*$", f'topic = "{topic_of(number)}"', text)
        text = re.sub('(?m)^kind = "training"$', f'kind = "{KINDS[number % 3]}"', text, count=1)
        text = re.sub(r'(\[title\]\nen = ")', rf"\g<1>Lab {number}. ", text)
        text = re.sub(r'(\[question\]\nen = ")', rf"\g<1>Question {number}. ", text)
        stem = slug_of(number).replace("-", "_")
        (folder / f"{stem}.toml").write_text(text.replace(MODEL, slug_of(number)), encoding="utf-8")
        (folder / f"{stem}.py").write_text(code.replace(MODEL, slug_of(number)), encoding="utf-8")


class Filling:
    """Fills the tables. `learner` is who reads."""

    def __init__(self, learner: User) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write_labs(Path(folder))
            load_labs(Path(folder))
        labs = Lab.objects.filter(slug__startswith="made-").select_related("current__words_row")
        self.learner, self.labs = learner, list(labs.order_by("slug"))
        self.config = lab_config.defaults(self.labs[0].current_version.words)
        self.runs: list[Run] = []
        self.verdicts: list[Verdict] = []
        self.predictions: list[Prediction] = []

    def fill(self) -> None:
        ours = User.objects.filter(handle=PROJECT_HANDLE).first()
        ours = ours or User.objects.create_user("gradus@example.org", PROJECT_HANDLE)
        recorded = [self.run(ours, lab, shared=True) for lab in self.labs[:RECORDED]]
        for number in range(LEARNERS):
            user = User.objects.create_user(f"made-{number}@example.org", f"made-{number}")
            for lab in self.labs:
                self.run(user, lab)
        for lab in self.labs[::3]:
            self.predict(self.run(self.learner, lab))
        for lab in self.labs[:CUSTOM_RUNS]:
            self.predict(self.run(self.learner, lab, depth=5))
        Run.objects.bulk_create(self.runs)
        Verdict.objects.bulk_create(self.verdicts)
        Prediction.objects.bulk_create(self.predictions)
        OpenedVerdict.objects.bulk_create(
            OpenedVerdict(user=self.learner, version=run.version, config_hash=run.config_hash)
            for run in recorded[::5]
            if run.version.lab not in self.labs[::3]
        )

    def run(self, owner: User, lab: Lab, *, shared: bool = False, **changed: Any) -> Run:
        """Add a finished run with a verdict on each claim."""
        config, now = {**self.config, **changed}, clock.now()
        run = Run(
            owner=owner,
            key=uuid.uuid4().hex,
            version=lab.current_version,
            config=config,
            config_hash=lab_config.config_hash(config),
            at_defaults=not changed,
            queue=lab.queue,
            state=Run.State.SUCCEEDED,
            shared=shared,
            queued_at=now - timedelta(minutes=len(self.runs)),
            ended_at=now,
            seconds=16.2,
            device={"kind": "cpu", "name": "A slow machine", "cores": 2},
        )
        self.runs.append(run)
        self.verdicts += self.verdicts_of(run)
        return run

    def verdicts_of(self, run: Run) -> Iterator[Verdict]:
        for place, claim in enumerate(run.version.words["order"]["claims"]):
            outcome = Outcome.values[(place + len(self.runs)) % len(Outcome.values)]
            part = {"name": "kills", "outcome": outcome, "effect": 0.66, "replicates": 16}
            yield Verdict(
                run=run,
                claim=claim,
                outcome=outcome,
                effect=0.66,
                low=0.51,
                high=0.81,
                replicates=16,
                parts=[part | {"low": 0.51, "high": 0.81}],
            )

    def predict(self, run: Run) -> None:
        claim = run.version.words["predict"]["claim"]
        prediction = Prediction(
            run=run, claim=claim, outcome="holds", confidence=80, was_right=True, score=0.04
        )
        self.predictions.append(prediction)


def add_questions(like: str, count: int) -> None:
    """Copy a question under other names, each about a claim of a lab."""
    model = Question.objects.select_related("current").get(slug=like)
    revision = model.current
    assert revision is not None
    title = revision.title_en
    for number in range(count):
        lab = number % LABS
        model.pk, model._state.adding, model.slug = None, True, f"made-{number}"
        model.topic, model.difficulty, model.current = topic_of(lab), 1 + number % 5, None
        model.save(force_insert=True)
        revision.pk, revision._state.adding, revision.question = None, True, model
        revision.title_en = revision.title_html_en = f"{title} ({number})"
        revision.labs, revision.claims = [slug_of(lab)], [f"{slug_of(lab)}.lr-kills"]
        revision.save(force_insert=True)
        model.current = revision
        model.save(update_fields=["current"])


def fill(learner: User, like: str) -> None:
    """Fill the tables; `like` is a question to copy, beside those that there are."""
    Filling(learner).fill()
    add_questions(like, QUESTIONS - Question.objects.count())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


if __name__ == "__main__":
    fill(User.objects.get(handle=sys.argv[1]), sys.argv[2])
