"""Every write of `progress`, by noun: `services.answers.check_answer(...)`.

- `attempts`: which attempt a form is about, and its hints
- `answers`: an answer checked, the reference answer revealed, the attempt rated
- `reviews`: the log of reviews, undo, cards, review sessions
- `plans`: the plan, notes and bookmarks
- `verdicts`: which verdicts have not been read

The life of an answer goes one way: `attempts.open_attempt`, `answers.check_answer` (any number of
times), `answers.reveal`, `answers.rate`, `reviews.record`.

Each function is one transaction. `locks` says in which order rows are locked.
"""

from apps.progress.services import answers, attempts, plans, reviews, verdicts

__all__ = ["answers", "attempts", "plans", "reviews", "verdicts"]
