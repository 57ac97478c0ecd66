"""What apps above may listen to. Sent with `send` inside the transaction: a listener that fails
undoes the deed.
"""

from __future__ import annotations

from django.dispatch import Signal

# user: User. Before a person is deleted, and before their row is locked: an app above locks rows
# that others write, in its own order, so that neither waits for the other (deadlock).
user_deleting = Signal()
