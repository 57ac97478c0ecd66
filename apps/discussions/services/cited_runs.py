"""The runs that a post cites: those that its author may see, and that others will see, too."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from apps.accounts.models import User
from apps.discussions.errors import RunsNotShared
from apps.experiments.models import Run
from apps.experiments.services import set_run_visibility


def share_cited(
    *,
    author: User,
    cited: Collection[UUID],
    share: Collection[UUID],
    before: Collection[UUID] = (),
) -> set[UUID]:
    """Lock the runs that a post of `author`, who is locked, cites, and share those of their own
    that are not shared. Returns the keys of those that they may see: whether another one exists,
    or is somebody else's, nobody learns.

    Args:
        share: those that they agree to share, and have seen named.
        before: what the post cited before this edit. Where such a share was withdrawn, that stays.
    Raises:
        RunsNotShared: they did not agree to all of it.
    """
    runs = Run.objects.visible_to(author).filter(pk__in=set(cited)).order_by("pk")
    locked = list(runs.select_for_update(of=("self",), no_key=True))
    private = [run for run in locked if not run.shared and run.pk not in before]
    if not {run.pk for run in private} <= set(share):
        raise RunsNotShared([str(run.pk) for run in private])
    for run in private:
        set_run_visibility(run=run, shared=True)
    return {run.pk for run in locked}
