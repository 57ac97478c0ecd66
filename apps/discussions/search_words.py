"""What is searched for in threads: English words by their stems, Chinese by pairs of characters.

PostgreSQL has no word breaks for Chinese. A run of Chinese characters is indexed as its pairs, so
that a search for two or more of them finds it; one alone finds what begins with it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Func, IntegerField, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.lookups import Exact

from apps.common.listing import MAX_SEARCH_WORDS

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
MAX_INDEXED_CHARS = 20_000


def vector(text: str) -> Combinable:
    """Return the expression that indexes a text, for a `SearchVectorField`."""
    normal = _normal(text)[:MAX_INDEXED_CHARS]
    pairs = " ".join(_indexed_pairs(normal))
    english = SearchVector(Value(HAN.sub(" ", normal), output_field=TextField()), config="english")
    chinese = SearchVector(Value(pairs, output_field=TextField()), config="simple")
    return english + chinese


def queries(words: str) -> list[SearchQuery]:
    """Return a query for each of the words: a thread is found that has every one of them, in its
    title or in some post.
    """
    return [
        SearchQuery(term, config=config, search_type=search_type)
        for word in list(dict.fromkeys(_normal(words).split()))[:MAX_SEARCH_WORDS]
        for term, config, search_type in _terms(word)
    ]


def is_empty(query: SearchQuery) -> Exact:
    """Return the condition that nothing of a query is indexed: it is a stop word, or a mark. The
    database knows which are, when it plans.
    """
    return Exact(Func(query, function="numnode", output_field=IntegerField()), 0)


def _terms(word: str) -> Iterator[tuple[str, str, str]]:
    """Yield what must be found of a word: the text, its configuration, and how it is read."""
    rest = HAN.sub(" ", word)
    if rest.strip():
        yield rest, "english", "plain"
    for run in HAN.findall(word):
        if len(run) == 1:
            yield f"{run}:*", "simple", "raw"
        else:
            yield " ".join(_pairs(run)), "simple", "plain"


def _pairs(run: str) -> list[str]:
    return [run[start : start + 2] for start in range(max(1, len(run) - 1))]


def _indexed_pairs(text: str) -> Iterator[str]:
    for run in HAN.findall(text):
        yield from _pairs(run)
        yield run[-1]  # so that a search for one character finds it at the end, too


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace("\x00", "").casefold()
