"""Every read of `progress`, by noun: `selectors.cards.due_cards(user)`. All of it belongs to one
learner; nobody else sees it.

- `cards`: the memory of questions, its log, and what falls due
- `attempts`: attempts and their answers
- `sessions`: review sessions and how far they are
- `questions`: questions beside what the learner has of them
- `plans`: the plan
- `labs`, `verdicts`: labs and runs, and verdicts as a question quotes them
- `links`: what texts link to and is not there
- `statistics`: sums over the log: mastery, recall, calibration
- `day_plans`: what Today shows
- `forecasts`: what will be recalled at the interview
"""

from apps.progress.selectors import (
    attempts,
    cards,
    day_plans,
    forecasts,
    labs,
    links,
    plans,
    questions,
    sessions,
    statistics,
    verdicts,
)

__all__ = [
    "attempts",
    "cards",
    "day_plans",
    "forecasts",
    "labs",
    "links",
    "plans",
    "questions",
    "sessions",
    "statistics",
    "verdicts",
]
