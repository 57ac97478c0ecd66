"""What a search finds besides questions, and what to search for where it finds nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from apps.experiments import selectors as experiments
from apps.experiments.models import Claim, Lab
from apps.experiments.selectors import Reader
from apps.questions.models import Question

LISTED = 5  # labs, and claims, beside the questions
MIN_SIMILARITY = 0.75  # of a word to the one that is searched for in its place
MISSPELT = re.compile(r"[a-z]{4,}")  # what may be: shorter words resemble too many others


@dataclass(frozen=True)
class Found:
    """The first labs and claims that have the words, and how many there are."""

    labs: Sequence[Lab]
    claims: Sequence[Claim]
    lab_count: int
    claim_count: int

    def __bool__(self) -> bool:
        return bool(self.lab_count or self.claim_count)


def labs_and_claims(reader: Reader, words: str) -> Found:
    """Search the catalogue of labs and the ledger (at most four queries)."""
    labs, claims = experiments.catalogue(words=words), experiments.ledger(reader, words=words)
    first_labs, first_claims = list(labs[: LISTED + 1]), list(claims[: LISTED + 1])
    return Found(
        first_labs[:LISTED],
        first_claims[:LISTED],
        len(first_labs) if len(first_labs) <= LISTED else labs.count(),
        len(first_claims) if len(first_claims) <= LISTED else claims.count(),
    )


def correction(words: str) -> str:
    """Return the words with each that occurs nowhere replaced by the most similar one that does;
    empty where nothing is like it, or nothing is misspelt.
    """
    vocabulary = _vocabulary()
    result, changed = [], False
    for word in words.lower().split():
        if not MISSPELT.fullmatch(word) or any(word in other for other in vocabulary):
            result.append(word)
            continue
        similar = difflib.get_close_matches(word, vocabulary, n=1, cutoff=MIN_SIMILARITY)
        result += similar or [word]
        changed = changed or bool(similar)
    return " ".join(result) if changed else ""


def _vocabulary() -> set[str]:
    """Return the English words of the titles of questions and labs, and of synonyms (one query)."""
    questions = Question.objects.offered().order_by()
    texts = questions.values_list("current__title_en", "current__synonyms", "slug")
    labs = Lab.objects.listed().order_by()
    words = "current__words_row__"
    texts = texts.union(labs.values_list(f"{words}title_en", f"{words}question_en", "slug"))
    return {word for row in texts for text in row for word in MISSPELT.findall(text.lower())}
