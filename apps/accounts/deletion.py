"""What goes when a person is deleted, and what stays without their name: one walk over all models,
which the service, the admin's pages and the tests read.

A relation with `on_delete=CASCADE` makes a row the person's own, and so on from row to row. With
`SET_NULL` the row stays for others, and nobody is named in it. `HANDED_OVER` are relations of other
people's apps that say CASCADE, though their rows are not the person's alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any

from django.contrib.admin.models import LogEntry
from django.db.models import CASCADE, Model, Q, QuerySet
from django.db.models.deletion import get_candidate_relations_to_delete

from apps.accounts.models import User

# what an operator did to others' rows stays on record, in the name of the project's account
HANDED_OVER: Mapping[type[Model], str] = {LogEntry: "user"}


@dataclass
class Reach:
    """What a person's deletion reaches. Each path is a lookup from the model to its person."""

    deleted: dict[type[Model], list[str]] = field(default_factory=dict)
    kept: dict[type[Model], list[str]] = field(default_factory=dict)

    def deleted_rows(self, model: type[Model], pks: Iterable[int]) -> QuerySet[Any]:
        return _rows(model, self.deleted.get(model, []), pks)

    def kept_rows(self, model: type[Model], pks: Iterable[int]) -> QuerySet[Any]:
        gone = self.deleted_rows(model, pks).values("pk")
        return _rows(model, self.kept.get(model, []), pks).exclude(pk__in=gone)


def reach() -> Reach:
    """Return every model that a person's deletion reaches, with the paths that lead to it."""
    found = Reach()
    pending: list[tuple[type[Model], str]] = [(User, "")]
    while pending:
        owner, path = pending.pop()
        for model, name, goes in _relations(owner):
            lookup = f"{name}__{path}" if path else name
            paths = (found.deleted if goes else found.kept).setdefault(model, [])
            if lookup not in paths:
                paths.append(lookup)
                if goes and model not in (owner, User):
                    pending.append((model, lookup))
    return found


def _relations(owner: type[Model]) -> Iterator[tuple[type[Model], str, bool]]:
    """Yield the models that point at `owner`, the field that does, and whether a row goes with
    it.
    """
    relation: Any
    for relation in get_candidate_relations_to_delete(owner._meta):
        model, name = relation.related_model, relation.field.name
        yield model, name, relation.on_delete is CASCADE and HANDED_OVER.get(model) != name


def count(users: Iterable[User]) -> tuple[dict[type[Model], int], dict[type[Model], int]]:
    """Return how many rows of each model go with these people, and how many stay without their
    names; models without any are left out.
    """
    pks = [user.pk for user in users]
    found = reach()
    gone = {model: found.deleted_rows(model, pks).count() for model in found.deleted}
    kept = {model: found.kept_rows(model, pks).count() for model in found.kept}
    return _without_zeros(gone), _without_zeros(kept)


def _rows(model: type[Model], lookups: Iterable[str], pks: Iterable[int]) -> QuerySet[Any]:
    """Return the rows of a model that one of these paths leads from to one of these people."""
    paths = [Q(**{f"{lookup}__in": pks}) for lookup in lookups]
    rows = model._base_manager.all()
    return rows.filter(reduce(or_, paths)) if paths else rows.none()


def _without_zeros(counts: Mapping[type[Model], int]) -> dict[type[Model], int]:
    return {model: rows for model, rows in counts.items() if rows}
