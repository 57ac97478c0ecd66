"""What everybody may see of a person who has a public page."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404

from apps.accounts.models import AsciiLower, User
from apps.discussions.models import State, Thread
from apps.discussions.selectors.threads import Person, threads
from apps.experiments.models import Run


def public_person(handle: str) -> User:
    """Return the person with a handle, in any case, if they have a public page.

    Raises:
        Http404: they have none; or there is nobody of that name, which looks the same.
    """
    people = User.objects.alias(folded=AsciiLower("handle"))
    person = people.filter(folded=handle.lower()).first()
    if person is None or not person.has_public_page:
        raise Http404("No such page.")
    return person


def shared_runs(person: User) -> QuerySet[Run]:
    """Return the runs that somebody shares and that have finished, the latest first: with what
    their rows show, which is nothing of a verdict.
    """
    return (
        Run.objects.filter(owner=person, shared=True, state=Run.State.SUCCEEDED)
        .select_related("version__lab", "version__words_row", "prediction")
        .defer("detail", "summary", "version__words_row__source")
        .order_by("-queued_at", "pk")
    )


def threads_begun(person: User, reader: Person) -> QuerySet[Thread]:
    """Return the published threads that somebody began and that `reader` may see, the latest
    first.
    """
    return threads(reader, order="newest").filter(author=person, state=State.PUBLISHED)
