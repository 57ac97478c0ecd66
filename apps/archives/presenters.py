"""How an import reads: what it would take, and what it leaves out and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.archives import anki_import, gradus_import
from apps.archives.errors import BadArchive
from apps.archives.models import Import
from apps.archives.services.imports import ANKI
from apps.common.text import in_language
from apps.questions.models import Question


@dataclass(frozen=True)
class CardLine:
    """A card that is taken."""

    question: Question | None  # None: it was withdrawn meanwhile
    slug: str
    title: str
    reviews: int
    new: int
    by_guid: bool = True  # otherwise by its text


@dataclass(frozen=True)
class PrivateLine:
    """A private card that is added, or whose text is changed."""

    front: str
    is_new: bool


@dataclass(frozen=True)
class ImportRow:
    upload: Import
    reason: str  # why it cannot be imported
    is_anki: bool = False
    cards: list[CardLine] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)  # phrases; none where nothing is new
    left_out: list[str] = field(default_factory=list)
    private: list[PrivateLine] = field(default_factory=list)  # the first of them
    private_count: int = 0
    others: list[str] = field(default_factory=list)  # fronts, or slugs that this site lacks
    other_count: int = 0


def import_row(upload: Import) -> ImportRow:
    """Return an import as its page shows it (one query where it waits)."""
    reason = _reason(upload)
    if upload.state == Import.State.DONE:
        return ImportRow(upload, reason, taken=_taken(upload.result))
    plan = upload.plan
    if upload.state != Import.State.READY or not plan:
        return ImportRow(upload, reason)
    is_anki = plan["kind"] == ANKI
    return ImportRow(
        upload,
        reason,
        is_anki=is_anki,
        cards=_cards(plan),
        taken=_taken(counts_of(plan)),
        left_out=_anki_left_out(plan) if is_anki else _gradus_left_out(plan),
        private=[PrivateLine(**line) for line in plan.get("private", [])],
        private_count=plan.get("private_cards", 0) + plan.get("private_changed", 0),
        others=plan["others"] if is_anki else plan["unknown"],
        other_count=plan["other_count"] if is_anki else plan["unknown_count"],
    )


def _reason(upload: Import) -> str:
    sentence = BadArchive.SENTENCES.get(upload.reason)
    return str(sentence) % upload.values if sentence else ""


def _cards(plan: dict[str, Any]) -> list[CardLine]:
    slugs = [card["slug"] for card in plan["cards"]]
    questions = {
        question.slug: question
        for question in Question.objects.filter(slug__in=slugs).select_related("current")
    }
    lines = []
    for card in plan["cards"]:
        question = questions.get(card["slug"])
        has_text = question is not None and question.current is not None
        lines.append(
            CardLine(
                question=question,
                slug=card["slug"],
                title=in_language(question.current, "title") if question and has_text else "",
                reviews=card["reviews"],
                new=card["new"],
                by_guid=card.get("by_guid", True),
            )
        )
    return lines


def counts_of(plan: dict[str, Any]) -> dict[str, Any]:
    """Return a plan's counts by the names that the result has."""
    return {**plan, "cards": plan["new_cards"], "reviews": plan["new"]}


def _taken(counts: dict[str, Any]) -> list[str]:
    cards, reviews = int(counts.get("cards", 0)), int(counts.get("reviews", 0))
    notes, bookmarks = int(counts.get("notes", 0)), int(counts.get("bookmarks", 0))
    phrases = []
    if cards:
        phrases.append(ngettext("%(n)s new card", "%(n)s new cards", cards) % {"n": cards})
    if reviews:
        phrases.append(ngettext("%(n)s review", "%(n)s reviews", reviews) % {"n": reviews})
    private, changed = int(counts.get("private_cards", 0)), int(counts.get("private_changed", 0))
    if private:
        words = ngettext("%(n)s new private card", "%(n)s new private cards", private)
        phrases.append(words % {"n": private})
    if changed:
        words = ngettext(
            "%(n)s private card with another text", "%(n)s private cards with another text", changed
        )
        phrases.append(words % {"n": changed})
    if notes:
        phrases.append(ngettext("%(n)s note", "%(n)s notes", notes) % {"n": notes})
    if bookmarks:
        words = ngettext("%(n)s bookmark", "%(n)s bookmarks", bookmarks)
        phrases.append(words % {"n": bookmarks})
    if counts.get("plan") or counts.get("has_plan"):
        phrases.append(_("the study plan"))
    return phrases


def _anki_left_out(plan: dict[str, Any]) -> list[str]:
    return [
        f"{count}: {anki_import.LEFT_OUT[reason]}"
        for reason, count in plan["left_out"].items()
        if count
    ]


def _gradus_left_out(plan: dict[str, Any]) -> list[str]:
    lines = [
        f"{name} ({count}): {gradus_import.NOT_TAKEN[name]}"
        for name, count in plan["not_taken"].items()
    ]
    if plan["notes_kept"]:
        words = _("notes (%(n)s): what you have here is the same, or newer")
        lines.append(words % {"n": plan["notes_kept"]})
    if plan.get("private_left_out"):
        words = _("%(n)s private cards: beyond what one can have")
        lines.append(words % {"n": plan["private_left_out"]})
    if plan["invalid"]:
        words = _("%(n)s rows: with values that no row here can have")
        lines.append(words % {"n": plan["invalid"]})
    return lines
