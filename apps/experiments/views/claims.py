"""The ledger: the claims of every lab with their verdicts, by topic and lab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.models import User
from apps.common.clock import now
from apps.common.listing import chosen_filters, filter_words, page_of
from apps.common.redirects import next_path
from apps.common.topics import topic_title
from apps.experiments import presenters, selectors, services
from apps.experiments.models import Claim, Lab, Outcome, Run
from apps.experiments.opened_verdicts import add_opened, set_shows_all, shows_all
from apps.experiments.reader import opened_by, reader_of

FILTERS = ("topic", "lab", "verdict", "words")
CLAIMS_PER_PAGE = 20
MAX_CUSTOM_RUNS = 5  # the newest of the reader's own at other settings
SHOWN = gettext_lazy("Shown. A later prediction of what you had not predicted will not count.")
SWITCHED_OFF = gettext_lazy(
    "Switched off. What was shown stays open and does not count; what is recorded from now on is "
    "hidden until you predict it."
)


@require_safe
def claims(request: HttpRequest) -> HttpResponse:
    chosen, reader = chosen_filters(request, FILTERS), reader_of(request)
    page = page_of(request, selectors.ledger(reader, **chosen), CLAIMS_PER_PAGE)
    shown = list[Claim](page)
    labs = {claim.version.lab_id: _lab_of(claim) for claim in shown}
    custom_runs = [] if any(chosen.values()) or page.number > 1 else _custom_runs(request)
    accesses = selectors.verdict_accesses(
        reader,
        [*map(selectors.default_subject, labs.values()), *map(selectors.subject_of, custom_runs)],
    )
    readable = {
        slug for slug, lab in labs.items() if accesses[selectors.default_subject(lab)].is_granted
    }
    standard = selectors.standard_runs(labs)
    counts = selectors.evidence_counts(
        [claim.name for claim in shown if claim.version.lab_id in readable]
    )
    entries = [
        _entry(
            labs[slug],
            list(of_lab),
            standard.get(slug),
            counts,
            is_shown=slug in readable,
            page=_page_of_lab(slug) if chosen["verdict"] else request.get_full_path(),
        )
        for slug, of_lab in groupby(shown, key=lambda claim: claim.version.lab_id)
    ]
    topics = [(slug, topic_title(slug)) for slug in selectors.lab_topics()]
    verdicts = [
        (selectors.HIDDEN, _("hidden")),
        *Outcome.choices,
        (selectors.NOT_RECORDED, _("not recorded yet")),
    ]
    only_lab = [(slug, lab.title) for slug, lab in labs.items() if slug == chosen["lab"]]
    context = {
        "page": page,
        "chosen": chosen,
        "filtered": filter_words(chosen, topic=topics, lab=only_lab, verdict=verdicts),
        "topics": _by_topic(entries),
        "topic_choices": topics,
        "verdict_choices": verdicts,
        "shows_all": _shows_all(request),
        "hides_any": any(entry["fold"] for entry in entries),
        "is_recorded": bool(standard) or selectors.is_anything_recorded(),
        "custom_runs": [
            presenters.run_row(run, is_shown=accesses[selectors.subject_of(run)].is_granted)
            for run in custom_runs
        ],
    }
    return render(request, "experiments/claims.html", context, status=page.status)


@require_POST
def verdicts_open(request: HttpRequest) -> HttpResponse:
    """Set the ledger's switch: on unless the form says off. A visitor's is in their session."""
    shown = request.POST.get("shown") != "0"
    if isinstance(request.user, User):
        services.show_all_verdicts(user=request.user, shown=shown)
    else:
        _set_in_session(request, shown=shown)
    messages.info(request, SHOWN if shown else SWITCHED_OFF)
    return redirect(next_path(request, reverse("experiments:claims")))


def _set_in_session(request: HttpRequest, *, shown: bool) -> None:
    """Set the switch of a visitor; what it has shown stays opened."""
    session = request.session
    if shown:
        set_shows_all(session, True)
    add_opened(session, opened_by(session), now().isoformat())
    set_shows_all(session, shown)


def _shows_all(request: HttpRequest) -> bool:
    if isinstance(request.user, User):
        return request.user.shows_all_verdicts
    return shows_all(request.session)


def _page_of_lab(slug: str) -> str:
    """Return the ledger's page of a lab's claims: once a verdict is opened, a list of those that
    are hidden has it no longer.
    """
    return f"{reverse('experiments:claims')}?{urlencode({'lab': slug})}"


def _lab_of(claim: Claim) -> Lab:
    """Return the lab of a claim of the ledger, whose current version is the claim's."""
    lab = claim.version.lab
    lab.current = claim.version  # as loaded: saves a query
    return lab


def _by_topic(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"name": topic_title(slug), "labs": list(labs)}
        for slug, labs in groupby(entries, key=lambda entry: entry["lab"].topic)
    ]


def _entry(
    lab: Lab,
    claims: Sequence[Claim],
    run: Run | None,
    counts: Mapping[str, Mapping[str, int]],
    *,
    is_shown: bool,
    page: str,
) -> dict[str, Any]:
    """Return claims of a lab, with the verdicts of its recorded run if the reader may see them.

    Args:
        counts: of the outcomes of learners' runs, for claims whose verdict the reader may see.
        page: path to come back to when the verdict is opened.
    """
    verdict_of = {row.claim: row for row in run.verdicts.all()} if run and is_shown else {}
    rows = [
        {
            "claim": claim.name,
            "statement": claim.statement,
            "found": presenters.present_claim_verdict(claim.words, verdict_of[claim.name])
            if claim.name in verdict_of
            else None,
            "others": presenters.outcome_counts(counts.get(claim.name, {})),
        }
        for claim in claims
    ]
    device = str(run.device.get("name") or run.device.get("kind", "")) if run else ""
    return {
        "lab": lab,
        "run": run,
        "fold": presenters.fold(run, page) if run and not is_shown else None,
        "rows": rows,
        "device": device,
    }


def _custom_runs(request: HttpRequest) -> list[Run]:
    """Return the reader's own finished runs at other than default settings: no evidence."""
    if not isinstance(request.user, User):
        return []
    mine = selectors.runs_of(request.user).filter(at_defaults=False, state=Run.State.SUCCEEDED)
    return list(mine[:MAX_CUSTOM_RUNS])
