"""Signals for the apps above. They are sent with `send` inside the transaction: a listener that
fails rolls it back.
"""

from __future__ import annotations

from django.dispatch import Signal

# user: User. Sent before a user is deleted, with their row locked (`services.lock_user`): an app
# above locks its own rows, in the order in which other writers do, to prevent a deadlock.
user_deleting = Signal()

# user: User. Sent when all that acts as a person is to end, with their sessions: an app above ends
# what it has given to programs.
access_ending = Signal()
