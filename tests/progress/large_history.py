"""A learner with 20,000 cards and 300,000 reviews, created by SQL: for the test of queries and for
the benchmark.
"""

from __future__ import annotations

CARDS, REVIEWS = 20_000, 300_000

# Parameters: `like`, the slug of the question to copy; `user`, `now`, `cards`, and `each` (reviews
# of a card).
FILL = """
    SET LOCAL statement_timeout = 0;
    INSERT INTO questions_question (bank_id, slug, topic, kinds, difficulty, current_id,
                                    files_sha256, withdrawn)
    SELECT bank_id, 'made-' || n, (ARRAY['losses', 'metrics', 'detection'])[1 + n %% 3],
           kinds, 2, current_id, '', false
    FROM questions_question, generate_series(1, %(cards)s) n WHERE slug = %(like)s;
    INSERT INTO progress_card (user_id, question_id, state, step, stability, difficulty, due,
                               last_review, last_day, suspended, created_at)
    SELECT %(user)s, id, 2, NULL, 5 + id %% 300, 5,
           %(now)s::timestamptz + (id %% 400 - 2) * interval '1 day',
           %(now)s::timestamptz - (3 + id %% 60) * interval '1 day',
           (%(now)s::timestamptz - (3 + id %% 60) * interval '1 day')::date, false,
           %(now)s::timestamptz - interval '900 days'
    FROM questions_question WHERE slug LIKE 'made-%%';
    INSERT INTO progress_review (card_id, user_id, review_id, rating, graded_by, at, day, seconds,
                                 before, created_at)
    SELECT id, user_id, gen_random_uuid(), 3, 'self', at, at::date, 20, '{}', at
    FROM (SELECT id, user_id, %(now)s::timestamptz - (n * 50 + id %% 50) * interval '1 day' AS at
          FROM progress_card, generate_series(1, %(each)s) n) made;
    INSERT INTO progress_dailystats (user_id, day, reviews, recalls, recalled, seconds)
    SELECT user_id, day, count(*), count(*), count(*), sum(seconds)
    FROM progress_review GROUP BY user_id, day;
    ANALYZE progress_card; ANALYZE progress_review; ANALYZE progress_dailystats;
    ANALYZE questions_question;
"""
