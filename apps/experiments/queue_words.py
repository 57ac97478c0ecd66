"""What pages and the API say of a run that waits, or has no result: from its `Place` to words. No
queries.
"""

from __future__ import annotations

import math

from django.utils.formats import date_format
from django.utils.text import Truncator
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.common.text import join_sentences
from apps.experiments import presenters
from apps.experiments.models import Run
from apps.experiments.queue_estimate import Place, Reason

MAX_ERROR_CHARS = 80  # of a failed run's error, where only a few words are told
CLOSE = 1.3  # bounds of an estimate that differ by less are told as one figure
# an estimate is told in steps of so many seconds, where it is below the bound
STEPS = ((10.0, 2.0), (30.0, 5.0), (90.0, 10.0), (math.inf, 60.0))


def headline(place: Place) -> str:
    """Return the heading of a run that waits."""
    if place.reason == Reason.LEASED:
        return _("Starting")
    if place.reason == Reason.CANCELLING:
        return _("Stopping")
    if place.reason == Reason.STARTING:
        return _("Queued, about to start")
    if not place.ahead:
        return _("Queued, next in line")
    return ngettext(
        "Queued, %(n)s run ahead of yours", "Queued, %(n)s runs ahead of yours", place.ahead
    ) % {"n": place.ahead}


def reason(place: Place) -> str:
    """Return why a run waits, and about how long, in a sentence or a few."""
    return join_sentences(*_reasons(place), _estimate(place))


def cost(place: Place) -> str:
    """Return what a run would wait for that is not queued yet."""
    if place.reason == Reason.STARTING:
        return _("Nothing is queued ahead of it.")
    return reason(place)


def brief(place: Place) -> str:
    """Return why a run waits in a few words, after its state."""
    return briefs()[brief_key(place)] % {"n": place.ahead}


def brief_key(place: Place) -> str:
    """Return which of `briefs` tells of a place; a script forms the same from a message."""
    return f"{place.reason}-ahead" if _counts(place) and place.ahead else str(place.reason)


def _counts(place: Place) -> bool:
    return place.reason in (Reason.QUEUE, Reason.FAIR_SHARE)


def briefs() -> dict[str, str]:
    """Return the texts of `brief`; those that end in `-ahead` have a number, `%(n)s`."""
    ahead = _("%(n)s ahead")
    return {
        Reason.STARTING: _("about to start"),
        Reason.PREPARING: _("a worker is getting ready"),
        Reason.QUEUE: _("next in line"),
        f"{Reason.QUEUE}-ahead": ahead,
        Reason.FAIR_SHARE: _("next in line"),
        f"{Reason.FAIR_SHARE}-ahead": ahead,
        Reason.SLOTS: _("after another run of yours"),
        Reason.BENCH: _("after a benchmark"),
        Reason.ALONE: _("waiting for the machine to be idle"),
        Reason.OTHER_CODE: _("no worker with this version"),
        Reason.NO_WORKER: _("no worker connected"),
        Reason.SITE_AWAY: _("workers are reconnecting"),
        Reason.LEASED: _("starting"),
        Reason.CANCELLING: _("stopping"),
    }


def why(run: Run, place: Place | None) -> str:
    """Return in a few words why a run has no result; empty where its state says it.

    Args:
        place: of a run that waits, starts or is being stopped.
    """
    if place:  # that it starts is no reason: its state says that it is running
        return "" if place.reason == Reason.LEASED else brief(place)
    if run.state == Run.State.FAILED:
        return Truncator(run.error.partition("\n")[0]).chars(MAX_ERROR_CHARS)
    if run.state == Run.State.LIMIT_EXCEEDED:
        return _("it took longer than allowed")
    if run.is_outdated:
        return _("the lab changed while it was queued")
    if run.is_lab_crash:
        return _("a bug in the lab, or too little memory")
    return ""


def about(place: Place) -> str:
    """Return the estimate of a place; empty where there is none, or it is now."""
    if place.soonest is None or place.latest is None:
        return ""
    soonest, latest = rounded(place.soonest), rounded(place.latest)
    if not latest:
        return ""
    if not soonest:
        return _("at most %(time)s") % {"time": presenters.seconds(latest)}
    if latest <= soonest * CLOSE:
        return _("about %(time)s") % {"time": presenters.seconds(latest)}
    return _("%(low)s to %(high)s") % {
        "low": presenters.seconds(soonest),
        "high": presenters.seconds(latest),
    }


def rounded(seconds: float) -> float:
    """Return an estimate as it is told. It changes in steps, so that nobody is told each second."""
    step = next(step for bound, step in STEPS if seconds < bound)
    return math.ceil(round(seconds / step, 6)) * step


def _estimate(place: Place) -> str:
    time = about(place)
    if not time or place.reason in (Reason.STARTING, Reason.PREPARING, Reason.LEASED):
        return ""
    return _("Estimated wait: %(time)s.") % {"time": time}


def _reasons(place: Place) -> list[str]:
    match place.reason:
        case Reason.STARTING:
            return [_("A worker is free; the run will start in a moment.")]
        case Reason.PREPARING:
            return [
                _(
                    "A worker is connected and still loading PyTorch. It takes the run as soon as "
                    "it is ready, usually within seconds."
                )
            ]
        case Reason.QUEUE:
            return [_runs_ahead(place)]
        case Reason.FAIR_SHARE:
            return [_runs_ahead(place), _passed_by(place)]
        case Reason.SLOTS:
            sentence = ngettext(
                "%(n)s run of the same person is running, which is the limit; this one starts "
                "when it ends.",
                "%(n)s runs of the same person are running, which is the limit; this one starts "
                "when one of them ends.",
                place.running,
            )
            return [sentence % {"n": place.running}]
        case Reason.BENCH:
            return _benches(place)
        case Reason.ALONE:
            sentence = ngettext(
                "This is a benchmark, which needs the machine to itself. It starts when the "
                "run that is running now has ended.",
                "This is a benchmark, which needs the machine to itself. It starts when the "
                "%(n)s runs that are running now have ended.",
                place.running,
            )
            return [sentence % {"n": place.running}]
        case Reason.OTHER_CODE:
            return [
                _(
                    "The connected workers have a different version of this lab. The run starts as "
                    "soon as one has this version."
                )
            ]
        case Reason.NO_WORKER:
            return [_no_worker(place)]
        case Reason.SITE_AWAY:
            return [_site_away(place)]
        case Reason.LEASED:
            return [_("A worker has taken the run, and the lab is starting.")]
        case Reason.CANCELLING:
            return [_("Stop requested. The run shows as stopped once the worker has finished.")]


def _runs_ahead(place: Place) -> str:
    if not place.ahead:
        return _("All workers are busy; it starts when one of the runs on them ends.")
    sentence = ngettext("%(n)s run goes first.", "%(n)s runs go first.", place.ahead)
    return sentence % {"n": place.ahead}


def _passed_by(place: Place) -> str:
    sentence = ngettext(
        "%(n)s of them was queued later: first come people who have fewer runs running, then "
        "those who have used less computing time lately.",
        "%(n)s of them were queued later: first come people who have fewer runs running, then "
        "those who have used less computing time lately.",
        place.passed_by,
    )
    return sentence % {"n": place.passed_by}


def _benches(place: Place) -> list[str]:
    sentences = []
    if place.benches_running:
        sentences.append(_("A benchmark is running; it needs the machine to itself."))
    if place.benches_ahead:
        sentence = ngettext(
            "%(n)s benchmark goes first; it needs the machine to itself.",
            "%(n)s benchmarks go first; each needs the machine to itself.",
            place.benches_ahead,
        )
        sentences.append(sentence % {"n": place.benches_ahead})
    if others := place.ahead - place.benches_ahead:
        sentence = ngettext("%(n)s other run goes first.", "%(n)s other runs go first.", others)
        sentences.append(sentence % {"n": others})
    return sentences


def _no_worker(place: Place) -> str:
    if place.since is None:
        return _("No worker is connected at the moment. The run starts as soon as one is.")
    return _("No worker has been connected since %(time)s. The run starts as soon as one is.") % {
        "time": _time(place)
    }


def _site_away(place: Place) -> str:
    return _(
        "The site was away until %(time)s, and its workers are reconnecting. The run starts as "
        "soon as one has."
    ) % {"time": _time(place)}


def _time(place: Place) -> str:
    assert place.since is not None, "the reason has a time"
    return date_format(localtime(place.since), "Y-m-d H:i")
