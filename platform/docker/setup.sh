#!/bin/sh
# Prepares the site; idempotent: tables, roles, labs, questions, the first operator, the tokens of the workers.
set -eu
: "${GRADUS_TOKENS:?names the folder in which the workers find their tokens}"
python manage.py migrate --no-input
python manage.py make_roles
python manage.py load_labs
python manage.py load_questions
python manage.py make_operator
umask 077
for name in worker-cpu worker-gpu; do
    if [ ! -s "$GRADUS_TOKENS/$name" ]; then
        python manage.py make_worker --name "$name" --queues labs,bench >"$GRADUS_TOKENS/$name.new"
        mv "$GRADUS_TOKENS/$name.new" "$GRADUS_TOKENS/$name"
    fi
done
