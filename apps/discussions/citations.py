"""Citations as they are written in a post: pure functions that write the three forms and read them.

    [run:RUN]                        a run
    [claim:LAB.CLAIM@RUN]            what a run says of a claim
    [point:RUN/ARM/SERIES/STEP]      a point of one of its curves

RUN is a run's key. Arms and series are percent-encoded: they may have spaces, slashes and brackets.
A step is a decimal number. `platform/frontend/js/quoting.js` writes points, too.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote
from uuid import UUID

from apps.discussions.models import Citation
from apps.experiments.models import Run
from apps.questions.limits import MAX_CLAIM_LENGTH

Kind = Citation.Kind
# What looks like a citation; whether it is one, `parse` tells. The longest has two names of 128
# characters, each of four bytes, each byte as three characters.
CITATION = re.compile(r"\[(?:run|claim|point):[^\[\]\n]{1,4000}\]")
RUN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
CLAIM = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+")
STEP = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
MAX_STEP_CHARS = 40
NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff\ufffd]{1,128}")  # as `wire.Name`


@dataclass(frozen=True)
class Cited:
    """One citation, as it was written."""

    kind: Citation.Kind
    run: UUID
    claim: str = ""  # lab.claim
    arm: str = ""
    series: str = ""
    step: str = ""  # a finite number

    def __str__(self) -> str:
        """Return it as it is written in a post."""
        match self.kind:
            case Kind.CLAIM:
                return f"[claim:{self.claim}@{self.run}]"
            case Kind.POINT:
                pieces = (self.arm, self.series, self.step)
                return f"[point:{self.run}/{'/'.join(quote(piece, safe='') for piece in pieces)}]"
        return f"[run:{self.run}]"


def cite_run(run: Run | UUID) -> str:
    """Return the text that cites a run."""
    return str(Cited(Kind.RUN, _key(run)))


def cite_claim(claim: str, run: Run | UUID) -> str:
    """Return the text that cites what a run says of a claim (`lab.claim`)."""
    return str(Cited(Kind.CLAIM, _key(run), claim=claim))


def cite_point(run: Run | UUID, arm: str, series: str, step: float) -> str:
    """Return the text that cites a point of a run's curve."""
    return str(Cited(Kind.POINT, _key(run), arm=arm, series=series, step=step_text(step)))


def step_text(step: float) -> str:
    """Return a step as the shortest text that reads as the same number."""
    return str(int(step)) if float(step).is_integer() and abs(step) < 1e16 else repr(float(step))


def parse(text: str) -> Cited | None:
    """Return what a text cites, brackets included; None if it is no citation."""
    if not CITATION.fullmatch(text):
        return None
    kind, _colon, body = text[1:-1].partition(":")
    match kind:
        case "run" if RUN.fullmatch(body):
            return Cited(Kind.RUN, UUID(body))
        case "claim":
            return _parse_claim(body)
        case "point":
            return _parse_point(body)
    return None


def _parse_claim(body: str) -> Cited | None:
    claim, _at, run = body.partition("@")
    if not CLAIM.fullmatch(claim) or len(claim) > MAX_CLAIM_LENGTH or not RUN.fullmatch(run):
        return None
    return Cited(Kind.CLAIM, UUID(run), claim=claim)


def _parse_point(body: str) -> Cited | None:
    run, *encoded = body.split("/")
    if len(encoded) != 3 or not RUN.fullmatch(run):
        return None
    arm, series, step = (unquote(piece) for piece in encoded)
    if not NAME.fullmatch(arm) or not NAME.fullmatch(series):
        return None
    if not STEP.fullmatch(step) or len(step) > MAX_STEP_CHARS or not math.isfinite(float(step)):
        return None
    return Cited(Kind.POINT, UUID(run), arm=arm, series=series, step=step)


def _key(run: Run | UUID) -> UUID:
    return run if isinstance(run, UUID) else run.pk
