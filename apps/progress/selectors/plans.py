from __future__ import annotations

from apps.accounts.models import User
from apps.progress.models import Plan


def plan_of(user: User) -> Plan:
    """Return the learner's plan; an unsaved one with the defaults where they have none."""
    return Plan.objects.filter(user=user).first() or Plan(user=user)
