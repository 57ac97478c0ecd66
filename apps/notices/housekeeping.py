"""Housekeeping jobs of notices: make the mails that are due, delete what is old."""

from __future__ import annotations

import logging
import time

from django.conf import settings

from apps.notices import mails, services

log = logging.getLogger(__name__)
ROUND_SECONDS = 5  # after which a round makes no further mail
MAX_PEOPLE = 200  # that a round mails
POSTPONED_SECONDS = 3600  # after an error of ours


def make_notice_mails() -> int:
    """Store the mails about notices that are due, person by person, so that one error does not hold
    up the rest. Returns how many people get some.
    """
    if not settings.EMAIL_URL:
        return 0
    end = time.monotonic() + ROUND_SECONDS
    mailed = 0
    for pk in mails.people_with_due_mail(MAX_PEOPLE):
        if time.monotonic() >= end:
            break
        try:
            mailed += mails.store_due_mails(pk=pk)
        except Exception:
            log.exception("the mail to person %s failed; it is tried again in an hour", pk)
            mails.postpone_mails(pk=pk, seconds=POSTPONED_SECONDS)
    return mailed


def delete_old_notices() -> int:
    return services.delete_old_notices()


SLOW_JOBS = (make_notice_mails, delete_old_notices)
