"""A run: its place in the queue, its charts, its verdicts, and its owner's actions."""

from __future__ import annotations

import csv
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.models import User
from apps.common.clock import now
from apps.common.highlighting import highlight_code
from apps.common.problems import answers_json
from apps.common.redirects import back_path, next_path, with_back
from apps.common.text import clean
from apps.experiments import (
    chart_specs,
    presenters,
    queue_words,
    selectors,
    services,
    svg_charts,
)
from apps.experiments.forms import RerunForm, VisibilityForm
from apps.experiments.models import Run
from apps.experiments.opened_verdicts import add_opened
from apps.experiments.reader import reader_of
from apps.experiments.series import csv_rows

MAX_CHOICES = 10  # runs that are offered to be compared with


@require_safe
def run(request: HttpRequest, pk: UUID) -> HttpResponse:
    run = selectors.run_for(request.user, pk)
    source = {"source": highlight_code(run.version.source)}
    is_shown, standard = _access(request, run)
    if not is_shown:
        context = _state(request, run, [], is_shown=False)
        return render(request, "experiments/run.html", context | source)
    points = selectors.points_of(run)[1] if run.last_seq else []
    context = _state(request, run, points, standard) | _figures(run, points, standard)
    context |= _comparison(request, run, standard)
    context["script"] = _for_script(run, context["specs"], standard) | {
        "panel": _panel(run, context["back"])
    }
    return render(request, "experiments/run.html", context | source)


@require_safe
def run_panel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The parts of the page that change with the run's state: its script replaces them."""
    run = selectors.run_for(request.user, pk)
    is_shown, standard = _access(request, run)
    sketched = str(run.version.words.get("predict", {}).get("series", ""))
    points = selectors.points_of(run, [sketched])[1] if is_shown else []
    context = _state(request, run, points, standard, is_shown=is_shown)
    if is_shown:
        context |= _comparison(request, run, standard)
    return render(request, "experiments/_run_panel.html", context)


def _access(request: HttpRequest, run: Run) -> tuple[bool, Run | None]:
    """Return whether the reader may see the verdict of a run, and the recorded run to draw beside
    it, if there is one that they may see.
    """
    standard = _baseline_of(run)
    beside = [standard] if standard and not _hides_baseline(run) else []
    readable = selectors.readable_runs(reader_of(request), [run, *beside])
    if beside and beside[0].pk not in readable:
        standard = None
    return run.pk in readable, standard


def _comparison(request: HttpRequest, run: Run, standard: Run | None) -> dict[str, Any]:
    """Return what a finished run may be compared with."""
    if run.state != Run.State.SUCCEEDED:
        return {}
    choices = selectors.runs_to_compare(reader_of(request), [run], MAX_CHOICES)
    return {
        "recorded": standard,
        "choices": [presenters.comparable_run(choice) for choice in choices],
        "most": selectors.MAX_COMPARED,
    }


def _state(
    request: HttpRequest,
    run: Run,
    points: svg_charts.Curves,
    beside: Run | None = None,
    *,
    is_shown: bool = True,
) -> dict[str, Any]:
    """Return what the page says of a run.

    Args:
        is_shown: whether the reader may see its verdict and its points.
    """
    words = run.version.words
    verdicts = presenters.present_verdicts(words, run.verdicts.all()) if is_shown else []
    place = selectors.run_place(run)
    mine = run.owner_id == request.user.pk
    called = presenters.present_prediction(words, presenters.prediction_of(run), points)
    first = verdicts[0] if verdicts else None
    return {
        "run": run,
        "lab": run.version.lab,
        "words": words,
        "mine": mine,
        "ours": run.owner.is_project,
        "settings": presenters.settings_of(words, run.config),
        "statement": presenters.statement(words, presenters.headline_claim(words)),
        "called": called,
        "fold": None
        if is_shown
        else presenters.fold(run, _address(request, run.pk), back=back_path(request)),
        "verdicts": verdicts,
        "first": first,
        "headline": presenters.verdict_headline(words, first, called if mine else None)
        if first
        else None,
        "next_lab": selectors.next_lab(run.version.lab) if first else None,
        "place": place,
        "place_headline": queue_words.headline(place) if place else "",
        "reason": queue_words.reason(place) if place else "",
        "beside": beside,
        "beside_name": _("baseline") if beside else "",
        "before": None if not mine or run.is_over else selectors.measured_before(request.user, run),
        "reproduction": selectors.reproduction_of(request.user, run) if is_shown else None,
        "left": presenters.time_left(run, now()),
        "took": presenters.seconds(run.seconds),
        "lost": presenters.lost_sentence(settings.MAX_RUN_ATTEMPTS),
        "standard_replicates": Run.STANDARD_REPLICATES,
        "more": [n for n in Run.MORE_REPLICATES if n > run.replicates],
        "key": str(uuid4()),
        "device": presenters.device_text(run.device),
        "link": settings.SITE_URL + reverse("experiments:run", args=[run.pk]),
        "back": back_path(request),
        "stage": "verdict" if run.state == Run.State.SUCCEEDED else "run",
    }


def _baseline_of(run: Run) -> Run | None:
    """Return the recorded run that is drawn beside this one as its baseline."""
    standard = selectors.standard_run(run.version.lab_id)
    return standard if standard and standard.pk != run.pk else None


def _hides_baseline(run: Run) -> bool:
    """Whether the baseline is hidden until the run has ended: it has the same settings, and would
    give the result away.
    """
    return run.at_defaults and not run.is_over


def _figures(run: Run, points: svg_charts.Curves, beside: Run | None) -> dict[str, Any]:
    extents = {**run.config, "replicates": run.replicates}  # what `to` of a figure may name
    specs = chart_specs.figure_specs(run.version.words, extents, presenters.prediction_of(run))
    names = sorted({spec["series"] for spec in specs})
    base = (
        selectors.points_of(beside, names)[1]
        if beside and names and not _hides_baseline(run)
        else []
    )
    figures = [
        {
            "spec": spec,
            "svg": svg_charts.render(spec, points, base),
            "rows": svg_charts.rows(spec, points, base),
            "id": n,
        }
        for n, spec in enumerate(specs)
    ]
    return {"specs": specs, "figures": figures}


def _panel(run: Run, back: str) -> str:
    return with_back(reverse("experiments:run-panel", args=[run.pk]), back)


def _for_script(run: Run, specs: list[dict[str, Any]], beside: Run | None) -> dict[str, Any]:
    """Return the config of the page's script."""
    names = [("series", name) for name in sorted({spec["series"] for spec in specs})]
    return {
        "points": reverse("experiments:run-points", args=[run.pk]),
        "events": reverse("experiments:run-events", args=[run.pk]),
        "held": _hides_baseline(run),
        "baseline": f"{reverse('experiments:run-points', args=[beside.pk])}?{urlencode(names)}"
        if beside
        else None,
        "figures": specs,
        "say": {
            "lost": _("Connection lost at {time}. Reconnecting."),
            "rate": _("{rate} points per second, about {left} left"),
            "seconds": _("{n} s"),
            "minutes": _("{n} min"),
            "done": _("{done} of {of} points"),
            "progress": _("{done} of {of} points. {ends}"),
            "reading": _("{x} {step}: {values}"),
            "along": _("Value at {x}"),
            "counted": pgettext("epochs, rounds", "Value at {x}"),
            "baseline": _("baseline") if beside else "",
            "span": _("%(low)s to %(high)s"),
        },
    }


# ---------------------------------------------------------------- points


@answers_json
@require_safe
def run_points(request: HttpRequest, pk: UUID) -> HttpResponse:
    run = selectors.run_for(request.user, pk)
    if not selectors.shows_verdict(reader_of(request), run):
        raise presenters.verdict_hidden(run)
    seq, series = selectors.points_of(run, [clean(name) for name in request.GET.getlist("series")])
    response = JsonResponse(
        {"seq": seq, "state": run.state, "thinned": run.thinned_at is not None, "series": series}
    )
    patch_cache_control(response, private=True, no_cache=True)
    return response


@require_safe
def run_csv(request: HttpRequest, pk: UUID) -> HttpResponse:
    """All points of a run as CSV; those that are left of an old one, as the file's name says."""
    run = selectors.run_for(request.user, pk)
    if not selectors.shows_verdict(reader_of(request), run):
        raise presenters.verdict_hidden(run)
    _seq, curves = selectors.points_of(run)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    csv.writer(response).writerows(csv_rows(curves))
    name = f"{run.version.lab_id}-{str(run.pk)[:8]}{'-thinned' if run.thinned_at else ''}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


# ---------------------------------------------------------------- actions


def _address(request: HttpRequest, pk: UUID) -> str:
    """Return the address of a run's page, with the `back` of this request."""
    return with_back(reverse("experiments:run", args=[pk]), back_path(request))


def _to_sign_in(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Send a visitor to sign in, and from there to the run: `next` cannot repeat a POST."""
    return redirect(f"{reverse(settings.LOGIN_URL)}?{urlencode({'next': _address(request, pk)})}")


@require_POST
def verdict_open(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show a verdict that was not predicted, and record that: a visitor's in their session."""
    run = selectors.run_for(request.user, pk)
    if not selectors.shows_verdict(reader_of(request), run):
        messages.info(request, _("Shown. A later prediction of these settings will not count."))
    if isinstance(request.user, User):
        services.open_verdict(user=request.user, run=run)
    else:
        add_opened(request.session, [selectors.subject_of(run)], now().isoformat())
    return redirect(next_path(request, reverse("experiments:run", args=[run.pk])))


@require_POST
def run_stop(request: HttpRequest, pk: UUID) -> HttpResponse:
    if not request.user.is_authenticated:
        return _to_sign_in(request, pk)
    services.request_cancel(run=selectors.own_run(request.user, pk))
    return redirect(_address(request, pk))


@require_POST
def run_visibility(request: HttpRequest, pk: UUID) -> HttpResponse:
    if not request.user.is_authenticated:
        return _to_sign_in(request, pk)
    run = selectors.own_run(request.user, pk)
    form = VisibilityForm.read(request.POST)
    services.set_run_visibility(run=run, shared=form.cleaned_data["shared"])
    return redirect(_address(request, pk) + "#sharing")


@require_POST
def run_rerun(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Queue the same settings for the lab's current code. Idempotent by `key`."""
    if not request.user.is_authenticated:
        return _to_sign_in(request, pk)
    run = selectors.run_for(request.user, pk)
    form = RerunForm.read(request.POST)
    lab = selectors.lab_for(run.version.lab_id)
    new = services.queue_run(
        owner=request.user,
        lab=lab,
        config=run.config,
        key=form.cleaned_data["key"],
        replicates=form.cleaned_data["replicates"],
        seed=run.seed,
    )
    return redirect(_address(request, new.pk))
