"""What apps above may listen to. Sent inside the transaction that deletes the cards, before it
does: an error in a listener rolls it back.
"""

from django.dispatch import Signal

private_cards_deleting = Signal()  # owner: User, pks: list[int], of private cards
