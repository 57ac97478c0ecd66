"""The numbers on somebody's public page, in words for others."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.progress import calibration
from apps.progress.calibration import Bin

WELL_CALIBRATED = 0.05  # overconfidence below which it is not reported


def prediction_sentences(bins: Sequence[Bin]) -> list[str]:
    """Return how many predictions somebody made, and from MIN_ANSWERS on how good they were: with
    few, the number would give away the verdict of a run that is listed beside it.

    Args:
        bins: of the predictions of runs that count.
    """
    count = sum(row.of for row in bins)
    predictions = ngettext("%(n)s prediction of a run.", "%(n)s predictions of runs.", count)
    sentences = [predictions % {"n": count} if count else _("No prediction yet.")]
    overconfidence, score = calibration.overconfidence(bins), calibration.brier_score(bins)
    if overconfidence is None or score is None:
        return sentences
    points = {"points": f"{abs(100 * overconfidence):.0f}"}
    if abs(overconfidence) < WELL_CALIBRATED:
        sentences.append(_("Well calibrated: as often right as confident."))
    elif overconfidence > 0:
        sentences.append(_("Overconfident by %(points)s points.") % points)
    else:
        sentences.append(_("Underconfident by %(points)s points.") % points)
    sentences.append(_("Brier score %(score)s (0 is best).") % {"score": f"{score:.2f}"})
    return sentences
