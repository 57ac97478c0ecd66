"""What one writes a post with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request

from apps.api.authentication import token_of
from apps.api.endpoint import check_scope
from apps.api.scopes import Scope
from apps.api.serializers import Input, LongText
from apps.discussions.errors import RunsNotShared
from apps.discussions.limits import MAX_CITATIONS, MAX_TEXT_LENGTH, MAX_TEXT_LINES


class NewText(Input):
    text = LongText(
        allow_blank=True,  # the service refuses it, as on the pages
        help_text=f"Markdown (docs/threads.md): at most {MAX_TEXT_LENGTH} UTF-16 code units in "
        f"{MAX_TEXT_LINES} lines.",
    )
    share_run_ids = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=MAX_CITATIONS + 1,
        help_text="Of your private runs that the text cites those that you agree to share, as "
        "`runs-not-shared` named them. It takes the scope `run`, too.",
    )


def runs_to_share(request: Request, data: dict[str, Any]) -> set[UUID]:
    """Return the runs that the author agrees to share.

    Raises:
        ScopeMissing: the token may not make runs visible.
    """
    share, token = set(data.get("share_run_ids", [])), token_of(request)
    if share and token is not None:
        check_scope(token, Scope.RUN)
    return share


@contextmanager
def asking_to_share() -> Iterator[None]:
    """Have the refusal of a text that cites private runs say how to agree."""
    try:
        yield
    except RunsNotShared as refused:
        advice = _("To agree, send the same again with “share_run_ids”.")
        refused.message = f"{refused.message} {advice}"
        refused.extra["share_run_ids"] = refused.extra["runs"]
        raise
