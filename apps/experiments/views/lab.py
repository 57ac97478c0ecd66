"""A lab: set it up, predict, queue. A visitor's prediction waits in the session until they have
signed up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.common.errors import KeyReused, Refused
from apps.common.highlighting import highlight_code
from apps.common.redirects import back_path, with_back
from apps.common.topics import topic_title
from apps.experiments import chart_specs, presenters, selectors, services, svg_charts, tally
from apps.experiments.forms import CONFIG_PREFIX, LabForm, submitted_config
from apps.experiments.models import Lab, Prediction, Run
from apps.experiments.services import PredictionInput

PENDING_KEY = "pending_prediction"  # in the session


@require_http_methods(["GET", "HEAD", "POST"])
def lab(request: HttpRequest, slug: str) -> HttpResponse:
    found = selectors.lab_for(slug)
    origin = _origin(request, found)
    if request.method == "POST":
        return _commit(request, found, origin)
    known = words_of(found).get("config", {})
    config = {
        name: value for name, value in (origin.config if origin else {}).items() if name in known
    }
    form = LabForm(words_of(found), config=config | submitted_config(words_of(found), request.GET))
    return _page(request, found, form, origin)


def words_of(found: Lab) -> presenters.Words:
    assert found.current is not None, "a lab that is offered has code"
    words: Mapping[str, Any] = found.current.words
    return words


def _origin(request: HttpRequest, found: Lab) -> Run | None:
    """Return the run that this one begins from: `?from=<run>`."""
    if "from" not in request.GET:
        return None
    try:
        run = selectors.run_for(request.user, UUID(request.GET["from"]))
    except ValueError:
        raise Http404("No such run.") from None
    if run.version.lab_id != found.pk:
        raise Http404("That run is of another lab.")
    return run


def _commit(request: HttpRequest, found: Lab, origin: Run | None) -> HttpResponse:
    form = LabForm(words_of(found), request.POST)
    if "recount" in request.POST:
        return _page(request, found, form, origin)
    if not form.is_valid():
        return _page(request, found, form, origin, checked=True, status=422)
    if not request.user.is_authenticated:
        request.session[PENDING_KEY] = _as_pending(found, form) | {"back": back_path(request)}
        onward = urlencode({"next": reverse("experiments:pending-prediction", args=[found.pk])})
        return redirect(f"{reverse('account_signup')}?{onward}")
    try:
        run = services.queue_run(
            owner=request.user,
            lab=found,
            config=form.config,
            key=form.cleaned_data["key"],
            prediction=form.made,
        )
    except Refused as refused:
        # someone went back and changed something: the next press is a new run
        if isinstance(refused, KeyReused):
            form.renew_key()
        form.add_error(None, refused.message)
        return _page(request, found, form, origin, checked=True, status=refused.status)
    return redirect(_address(run, back_path(request)))


def _address(run: Run, back: str) -> str:
    """Return the run's address, with the way back to where its owner came from."""
    return with_back(reverse("experiments:run", args=[run.pk]), back)


def _page(
    request: HttpRequest,
    found: Lab,
    form: LabForm,
    origin: Run | None,
    *,
    checked: bool = False,
    status: int = 200,
) -> HttpResponse:
    words = words_of(found)
    spec, standard = chart_specs.prediction_spec(words), tally.recorded(found)
    base = (
        origin
        if origin and origin.state == Run.State.SUCCEEDED
        else tally.seen_default_run(request.user, found)
    )
    points = selectors.points_of(base, [spec["series"]])[1] if base and spec else []
    context = {
        "lab": found,
        "words": words,
        "topic": topic_title(found.topic),
        "form": form,
        "checked": checked,
        "statement": presenters.statement(words, presenters.headline_claim(words)),
        "claims": [
            presenters.statement(words, slug) for slug, _own in presenters.ordered(words, "claims")
        ],
        "calls": presenters.outcome_choices(words),
        "confidences": Prediction.Confidence.choices,
        "spec": spec,
        "figure": svg_charts.bars(spec, [], points) if spec else "",
        "baseline": base,
        "standard": standard,
        "origin": origin,
        "own": tally.own_runs(request.user, found),
        "queue": tally.queue_length(found.queue),
        "seconds": presenters.seconds(words.get("profile", {}).get("standard", {}).get("seconds")),
        "replicates": Run.STANDARD_REPLICATES,
        "source": highlight_code(found.current.source) if found.current else "",
        "pending": pending_prediction_of(request),
        "back": back_path(request),
        "script": _for_script(form, spec, base),
    }
    return render(request, "experiments/lab.html", context, status=status)


def _for_script(form: LabForm, spec: Mapping[str, Any] | None, base: Run | None) -> dict[str, Any]:
    """Return what the page's script must know."""
    return {
        "spec": spec,
        "range": list(form.range),
        "baseline": reverse("experiments:run-points", args=[base.pk]) if base and spec else None,
        "say": {
            "none": _("These are the default settings. Change one thing, or run it as is."),
            "one": _("1 change from the baseline. Good: one thing at a time."),
            "many": _("{n} changes from the baseline. The verdict cannot tell which one mattered."),
            "mark": _("Your prediction for {arm}"),
        },
    }


# ---------------------------------------------------------------- what a visitor committed to


def _as_pending(found: Lab, form: LabForm) -> dict[str, Any]:
    made = form.made
    prediction = (
        {"outcome": made.outcome, "confidence": made.confidence, "sketch": dict(made.sketch)}
        if made
        else None
    )
    return {
        "lab": found.pk,
        "config": form.config,
        "key": form.cleaned_data["key"],
        "prediction": prediction,
    }


def pending_prediction_of(request: HttpRequest) -> dict[str, Any] | None:
    """Return what this visitor committed to and has not queued yet."""
    kept = request.session.get(PENDING_KEY)
    return kept if isinstance(kept, dict) else None


@require_http_methods(["GET", "HEAD", "POST"])
def pending_prediction(request: HttpRequest, slug: str) -> HttpResponse:
    found, waiting = selectors.lab_for(slug), pending_prediction_of(request)
    if waiting is None or waiting["lab"] != found.pk:
        return redirect("experiments:lab", slug)
    if request.method == "POST":
        return _queue_pending(request, found, waiting)
    words, made = words_of(found), waiting["prediction"]
    context = {
        "lab": found,
        "words": words,
        "settings": presenters.settings_of(words, waiting["config"]),
        "statement": presenters.statement(words, presenters.headline_claim(words)),
        "call": dict(presenters.outcome_choices(words)).get(made["outcome"]) if made else None,
        "made": made,
        "drawn": [(arm, presenters.number(value)) for arm, value in _named(words, made)],
        "next": request.path,
    }
    return render(request, "experiments/pending_prediction.html", context)


def _named(words: presenters.Words, made: Mapping[str, Any] | None) -> list[tuple[str, float]]:
    """Return what was drawn, by the names that the arms have for readers."""
    sketch: Mapping[str, float] = made["sketch"] if made else {}
    return [(name, sketch[arm]) for arm, name in chart_specs.arm_labels(words, sketch).items()]


def _queue_pending(request: HttpRequest, found: Lab, waiting: Mapping[str, Any]) -> HttpResponse:
    if "drop" in request.POST:
        request.session.pop(PENDING_KEY, None)
        return redirect(
            with_back(reverse("experiments:lab", args=[found.pk]), str(waiting.get("back", "")))
        )
    if not request.user.is_authenticated:
        return redirect(f"{reverse('account_signup')}?{urlencode({'next': request.path})}")
    made = PredictionInput(**waiting["prediction"]) if waiting["prediction"] else None
    try:
        run = services.queue_run(
            owner=request.user,
            lab=found,
            config=waiting["config"],
            key=waiting["key"],
            prediction=made,
        )
    except Refused as refused:
        messages.error(request, refused.message)
        config = {
            CONFIG_PREFIX + name: presenters.config_text(value)
            for name, value in waiting["config"].items()
        }
        if isinstance(refused, KeyReused):
            request.session.pop(PENDING_KEY, None)
            more = {"back": waiting["back"]} if waiting.get("back") else {}
            return redirect(
                f"{reverse('experiments:lab', args=[found.pk])}?{urlencode(config | more)}"
            )
        return redirect("experiments:pending-prediction", found.pk)
    request.session.pop(PENDING_KEY, None)
    return redirect(_address(run, str(waiting.get("back", ""))))
