"""A lab: set it up, predict, queue. A visitor's prediction stays in the session until they have
signed up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.accounts.models import User
from apps.common.errors import KeyReused, Refused
from apps.common.highlighting import highlight_code
from apps.common.redirects import back_path, with_back
from apps.common.topics import topic_title
from apps.experiments import (
    chart_specs,
    lab_config,
    presenters,
    queue_words,
    selectors,
    services,
    svg_charts,
)
from apps.experiments.forms import CONFIG_PREFIX, LabForm, submitted_config
from apps.experiments.models import Lab, Prediction, Run
from apps.experiments.pending_prediction import (
    discard_pending_prediction,
    pending_prediction_of,
    save_pending_prediction,
)
from apps.experiments.services import PredictionInput


@require_http_methods(["GET", "HEAD", "POST"])
def lab(request: HttpRequest, slug: str) -> HttpResponse:
    lab = selectors.lab_for(slug)
    origin = _origin(request, lab)
    if request.method == "POST":
        return _commit(request, lab, origin)
    declared = words_of(lab).get("config", {})
    inherited = origin.config if origin else {}
    config = {name: value for name, value in inherited.items() if name in declared}
    form = LabForm(words_of(lab), config=config | submitted_config(words_of(lab), request.GET))
    return _page(request, lab, form, origin)


def words_of(lab: Lab) -> presenters.Words:
    words: Mapping[str, Any] = lab.current_version.words
    return words


def _origin(request: HttpRequest, lab: Lab) -> Run | None:
    """Return the run whose settings the form begins with: `?from=<run>`."""
    if "from" not in request.GET:
        return None
    try:
        run = selectors.run_for(request.user, UUID(request.GET["from"]))
    except ValueError:
        raise Http404("No such run.") from None
    if run.version.lab_id != lab.pk:
        raise Http404("That run is of another lab.")
    return run


def _commit(request: HttpRequest, lab: Lab, origin: Run | None) -> HttpResponse:
    form = LabForm(words_of(lab), request.POST)
    if "recount" in request.POST:
        return _page(request, lab, form, origin)
    if not form.is_valid():
        return _page(request, lab, form, origin, checked=True, status=422)
    if not request.user.is_authenticated:
        pending = _as_pending(lab, form) | {"back": back_path(request)}
        save_pending_prediction(request.session, pending)
        onward = urlencode({"next": reverse("experiments:pending-prediction", args=[lab.pk])})
        return redirect(f"{reverse('account_signup')}?{onward}")
    try:
        run = services.queue_run(
            owner=request.user,
            lab=lab,
            config=form.config,
            key=form.cleaned_data["key"],
            prediction=form.prediction,
        )
    except Refused as refused:
        # the form was changed after it was sent: the next submission is another run
        if isinstance(refused, KeyReused):
            form.renew_key()
        form.add_error(None, refused.message)
        return _page(request, lab, form, origin, checked=True, status=refused.status)
    return redirect(_address(run, back_path(request)))


def _address(run: Run, back: str) -> str:
    """Return the run's address, with the page to go back to."""
    return with_back(reverse("experiments:run", args=[run.pk]), back)


def _page(
    request: HttpRequest,
    lab: Lab,
    form: LabForm,
    origin: Run | None,
    *,
    checked: bool = False,
    status: int = 200,
) -> HttpResponse:
    words = words_of(lab)
    spec, standard = chart_specs.prediction_spec(words), selectors.standard_run(lab.pk)
    context = {
        "lab": lab,
        "words": words,
        "topic": topic_title(lab.topic),
        "form": form,
        "checked": checked,
        "statement": presenters.statement(words, presenters.headline_claim(words)),
        "claims": [
            presenters.statement(words, slug)
            for slug, _claim in presenters.ordered(words, "claims")
        ],
        "calls": presenters.outcome_choices(words),
        "confidences": Prediction.Confidence.choices,
        "spec": spec,
        # nothing that was measured: it would be copied, not predicted
        "figure": svg_charts.bars(spec, []) if spec else "",
        "standard": standard,
        "origin": origin,
        "own_runs": selectors.own_runs(request.user, lab),
        "not_counted": _why_not_counted(request, lab, form),
        "queue_cost": queue_words.cost(selectors.expected_place(request.user, lab)),
        "seconds": presenters.lab_seconds(words),
        "replicates": Run.STANDARD_REPLICATES,
        "source": highlight_code(lab.current.source) if lab.current else "",
        "pending": pending_prediction_of(request.session),
        "back": back_path(request),
        "script": _for_script(form, spec),
    }
    return render(request, "experiments/lab.html", context, status=status)


def _why_not_counted(request: HttpRequest, lab: Lab, form: LabForm) -> str:
    """Return why a prediction of these settings would not count, as the page says it."""
    if not isinstance(request.user, User) or form.config_errors:
        return ""
    reason = selectors.why_not_counted(request.user, lab, lab_config.config_hash(form.config))
    return str(Prediction.NotCounted(reason).label) if reason else ""


def _for_script(form: LabForm, spec: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the config of the page's script."""
    return {
        "spec": spec,
        "range": list(form.range),
        "say": {
            "none": _("These are the default settings. Change one thing, or run it as is."),
            "one": _("1 change from the baseline. Good: one thing at a time."),
            "many": _("{n} changes from the baseline. The verdict cannot tell which one mattered."),
            "mark": _("Your prediction for {arm}"),
        },
    }


# ---------------------------------------------------------------- a visitor's prediction


def _as_pending(lab: Lab, form: LabForm) -> dict[str, Any]:
    """Return a valid form as `pending_prediction` stores it."""
    prediction = asdict(form.prediction) if form.prediction else None
    return {
        "lab": lab.pk,
        "config": form.config,
        "key": form.cleaned_data["key"],
        "prediction": prediction,
    }


@require_http_methods(["GET", "HEAD", "POST"])
def pending_prediction(request: HttpRequest, slug: str) -> HttpResponse:
    lab, pending = selectors.lab_for(slug), pending_prediction_of(request.session)
    if pending is None or pending["lab"] != lab.pk:
        return redirect("experiments:lab", slug)
    if request.method == "POST":
        return _queue_pending(request, lab, pending)
    words, prediction = words_of(lab), pending["prediction"]
    calls, sketch = dict(presenters.outcome_choices(words)), _labelled_sketch(words, prediction)
    context = {
        "lab": lab,
        "words": words,
        "settings": presenters.settings_of(words, pending["config"]),
        "statement": presenters.statement(words, presenters.headline_claim(words)),
        "call": calls.get(prediction["outcome"]) if prediction else None,
        "prediction": prediction,
        "drawn": [(label, presenters.number(value)) for label, value in sketch],
        "topic": topic_title(lab.topic),
        "seconds": presenters.lab_seconds(words),
        "next": request.path,
    }
    return render(request, "experiments/pending_prediction.html", context)


def _labelled_sketch(
    words: presenters.Words, prediction: Mapping[str, Any] | None
) -> list[tuple[str, float]]:
    """Return the values of a sketch, by the labels of their arms."""
    sketch: Mapping[str, float] = prediction["sketch"] if prediction else {}
    return [(label, sketch[arm]) for arm, label in chart_specs.arm_labels(words, sketch).items()]


def _queue_pending(request: HttpRequest, lab: Lab, pending: Mapping[str, Any]) -> HttpResponse:
    if "drop" in request.POST:
        discard_pending_prediction(request.session)
        return redirect(
            with_back(reverse("experiments:lab", args=[lab.pk]), str(pending.get("back", "")))
        )
    if not request.user.is_authenticated:
        return redirect(f"{reverse('account_signup')}?{urlencode({'next': request.path})}")
    prediction = PredictionInput(**pending["prediction"]) if pending["prediction"] else None
    try:
        run = services.queue_run(
            owner=request.user,
            lab=lab,
            config=pending["config"],
            key=pending["key"],
            prediction=prediction,
        )
    except Refused as refused:
        messages.error(request, refused.message)
        config = {
            CONFIG_PREFIX + name: presenters.config_text(value)
            for name, value in pending["config"].items()
        }
        if isinstance(refused, KeyReused):
            discard_pending_prediction(request.session)
            more = {"back": pending["back"]} if pending.get("back") else {}
            return redirect(
                f"{reverse('experiments:lab', args=[lab.pk])}?{urlencode(config | more)}"
            )
        return redirect("experiments:pending-prediction", lab.pk)
    discard_pending_prediction(request.session)
    return redirect(_address(run, str(pending.get("back", ""))))
