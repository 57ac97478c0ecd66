"""A run: its place in the queue, its curve, its verdicts; and what its owner may do with it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_POST, require_safe

from apps.common.clock import now
from apps.common.errors import BadRequest
from apps.common.highlighting import highlight_code
from apps.common.redirects import back_path, with_back
from apps.common.text import clean
from apps.experiments import chart_specs, presenters, selectors, services, svg_charts, tally
from apps.experiments.models import Run

RISKY = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run a cell that begins so


@require_safe
def run(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = selectors.run_for(request.user, pk)
    points = selectors.points_of(found)[1] if found.last_seq else []
    standard = _beside(found)
    context = _state(request, found, points) | _figures(found, points, standard)
    context["source"] = highlight_code(found.version.source)
    context["script"] = _for_script(found, context["specs"], standard) | {
        "panel": _panel(found, context["back"])
    }
    return render(request, "experiments/run.html", context)


@require_safe
def run_panel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What changes with the state of a run, to be put in place of what stands there."""
    found = selectors.run_for(request.user, pk)
    _seq, points = selectors.points_of(
        found, [str(found.version.words.get("predict", {}).get("series", ""))]
    )
    return render(request, "experiments/_run_panel.html", _state(request, found, points))


def _state(request: HttpRequest, found: Run, points: svg_charts.Curves) -> dict[str, Any]:
    words = found.version.words
    verdicts = presenters.present_verdicts(words, found.verdicts.all())
    place = selectors.queue_position(found) if found.state == Run.State.QUEUED else None
    mine = found.owner_id == request.user.pk
    return {
        "run": found,
        "lab": found.version.lab,
        "words": words,
        "mine": mine,
        "ours": found.owner.handle == selectors.PROJECT_HANDLE,
        "settings": presenters.settings_of(words, found.config),
        "statement": presenters.statement(words, presenters.headline_claim(words)),
        "called": presenters.present_prediction(words, presenters.prediction_of(found), points),
        "verdicts": verdicts,
        "first": verdicts[0] if verdicts else None,
        "place": place,
        "reason": selectors.waiting_reason(place) if place else "",
        "soonest": presenters.seconds(place.soonest) if place and place.soonest is not None else "",
        "latest": presenters.seconds(place.latest) if place and place.latest is not None else "",
        "before": tally.measured_before(request.user, found)
        if mine and not found.is_over
        else None,
        "left": _left(found),
        "took": presenters.seconds(found.seconds),
        "more": [n for n in Run.MORE_REPLICATES if n > found.replicates],
        "key": str(uuid4()),
        "device": _device(found),
        "link": request.build_absolute_uri(reverse("experiments:run", args=[found.pk])),
        "back": back_path(request),
        "stage": "verdict" if found.state == Run.State.SUCCEEDED else "run",
    }


def _left(found: Run) -> str:
    """Return how long a running run will still take, at its pace so far."""
    if found.state != Run.State.RUNNING or not (
        found.started_at and found.points_expected and found.points_done
    ):
        return ""
    elapsed = max(0.0, (now() - found.started_at).total_seconds())
    return presenters.seconds(
        elapsed * (found.points_expected - found.points_done) / found.points_done
    )


def _device(found: Run) -> str:
    device = found.device or {}
    if not device:
        return ""
    cores = (
        _("%(n)s cores") % {"n": device["cores"]}
        if device.get("kind") == "cpu" and device.get("cores")
        else ""
    )
    return ", ".join(
        part
        for part in (str(device.get("name") or str(device.get("kind", "")).upper()), cores)
        if part
    )


def _beside(found: Run) -> Run | None:
    """Return the default-settings run that is drawn beside this one."""
    standard = tally.recorded(found.version.lab)
    return standard if standard and standard.pk != found.pk else None


def _is_held(found: Run) -> bool:
    """Whether the baseline waits: beside a run with the same settings it would tell the end before
    the end.
    """
    return found.at_defaults and not found.is_over


def _figures(found: Run, points: svg_charts.Curves, standard: Run | None) -> dict[str, Any]:
    extents = {**found.config, "replicates": found.replicates}  # what an axis may reach to
    specs = chart_specs.figure_specs(found.version.words, extents, presenters.prediction_of(found))
    names = sorted({spec["series"] for spec in specs})
    base = (
        selectors.points_of(standard, names)[1]
        if standard and names and not _is_held(found)
        else []
    )
    drawn = [
        {
            "spec": spec,
            "svg": svg_charts.draw(spec, points, base),
            "rows": svg_charts.rows(spec, points, base),
            "id": n,
        }
        for n, spec in enumerate(specs)
    ]
    return {"specs": specs, "figures": drawn, "standard": standard}


def _panel(found: Run, back: str) -> str:
    return with_back(reverse("experiments:run-panel", args=[found.pk]), back)


def _for_script(found: Run, specs: list[dict[str, Any]], standard: Run | None) -> dict[str, Any]:
    """Return what the page's script must know."""
    names = [("series", name) for name in sorted({spec["series"] for spec in specs})]
    return {
        "points": reverse("experiments:run-points", args=[found.pk]),
        "events": reverse("experiments:run-events", args=[found.pk]),
        "held": _is_held(found),
        "baseline": f"{reverse('experiments:run-points', args=[standard.pk])}?{urlencode(names)}"
        if standard
        else None,
        "figures": specs,
        "say": {
            "lost": _("Connection lost at {time}. Reconnecting."),
            "rate": _("{rate} points per second, about {left} left"),
            "seconds": _("{n} s"),
            "minutes": _("{n} min"),
            "progress": _("{done} of {of} points. {ends}"),
            "reading": _("{x} {step}: {values}"),
            "along": _("Value at {x}"),
            "counted": pgettext("epochs, rounds", "Value at {x}"),
            "baseline": _("baseline"),
            "span": _("%(low)s to %(high)s"),
        },
    }


# ---------------------------------------------------------------- its numbers


@require_safe
def run_points(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = selectors.run_for(request.user, pk)
    seq, series = selectors.points_of(
        found, [clean(name) for name in request.GET.getlist("series")]
    )
    response = JsonResponse({"seq": seq, "state": found.state, "series": series})
    patch_cache_control(response, private=True, no_cache=True)
    return response


@require_safe
def run_csv(request: HttpRequest, pk: UUID) -> HttpResponse:
    """All points of a run as CSV."""
    found = selectors.run_for(request.user, pk)
    _seq, series = selectors.points_of(found)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    csv.writer(response).writerows(_lines(series))
    response["Content-Disposition"] = (
        f'attachment; filename="{found.version.lab_id}-{str(found.pk)[:8]}.csv"'
    )
    return response


def _lines(series: svg_charts.Curves) -> Iterator[list[Any]]:
    yield ["arm", "series", "step", "mean", "low", "high"]
    for curve in series:
        arm, name = safe_cell(curve["arm"]), safe_cell(curve["series"])
        for n, step in enumerate(curve["step"]):
            sides = [
                curve[side][n] if n < len(curve[side]) else None for side in ("mean", "low", "high")
            ]
            yield [arm, name, step, *("" if value is None else value for value in sides)]


def safe_cell(text: str) -> str:
    """Return `text` so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(RISKY) else text


# ---------------------------------------------------------------- what one may do


def _address(request: HttpRequest, pk: UUID) -> str:
    """Return where to go on after a press: the run's page, with the way back that this one has."""
    return with_back(reverse("experiments:run", args=[pk]), back_path(request))


def _to_sign_in(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A visitor who presses a button comes back to the run, not to the button."""
    return redirect(f"{reverse(settings.LOGIN_URL)}?{urlencode({'next': _address(request, pk)})}")


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
    found = selectors.own_run(request.user, pk)
    wanted = request.POST.get("shared", "")
    if wanted not in ("0", "1"):
        raise BadRequest(_("`shared` must be 1 or 0."))
    services.set_run_visibility(run=found, shared=wanted == "1")
    return redirect(_address(request, pk))


@require_POST
def run_rerun(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Queue the same settings for the lab's present code, once for each key."""
    if not request.user.is_authenticated:
        return _to_sign_in(request, pk)
    found = selectors.run_for(request.user, pk)
    replicates, key = request.POST.get("replicates", ""), clean(request.POST.get("key", ""))
    allowed = [str(n) for n in (Run.STANDARD_REPLICATES, *Run.MORE_REPLICATES)]
    if replicates not in allowed:
        raise BadRequest(
            _("`replicates` must be one of %(allowed)s.") % {"allowed": ", ".join(allowed)}
        )
    if not 1 <= len(key) <= 64:
        raise BadRequest(
            _("`key` must be a text of 1 to 64 characters that identifies this request.")
        )
    lab = selectors.lab_for(found.version.lab_id)
    new = services.queue_run(
        owner=request.user,
        lab=lab,
        config=found.config,
        key=key,
        replicates=int(replicates),
        seed=found.seed,
    )
    return redirect(_address(request, new.pk))
