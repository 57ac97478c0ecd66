"""What rows of `progress` read like, by page: `presenters.today.headline(plan)`. Words are chosen
here, and a template prints them. No queries.

- `amounts`: lengths of time, fractions, dates
- `questions`: the parts of a question, the grade row
- `reviews`: before and after a review
- `today`, `progress`: the pages of these names
"""

from apps.progress.presenters import amounts, progress, questions, reviews, today

__all__ = ["amounts", "progress", "questions", "reviews", "today"]
