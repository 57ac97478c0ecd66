"""Reads of threads and posts, and who may see them."""

from apps.discussions.selectors.people import public_person, shared_runs, threads_begun
from apps.discussions.selectors.pictures import picture_for
from apps.discussions.selectors.readers import may_moderate, who_may_see
from apps.discussions.selectors.threads import (
    FILTERS,
    MAX_PARTICIPANTS,
    ORDERS,
    SHOW,
    Participant,
    folded_questions,
    is_folded,
    participants,
    place_of_post,
    posts_of,
    readable_post,
    revisions_of,
    thread_for,
    threads,
    threads_about,
    visible_threads,
    with_place,
)

__all__ = [
    "FILTERS",
    "MAX_PARTICIPANTS",
    "ORDERS",
    "SHOW",
    "Participant",
    "folded_questions",
    "is_folded",
    "may_moderate",
    "participants",
    "picture_for",
    "place_of_post",
    "posts_of",
    "public_person",
    "readable_post",
    "revisions_of",
    "shared_runs",
    "thread_for",
    "threads",
    "threads_about",
    "threads_begun",
    "visible_threads",
    "who_may_see",
    "with_place",
]
