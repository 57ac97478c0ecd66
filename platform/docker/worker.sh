#!/bin/sh
# Starts a worker with its token from GRADUS_TOKEN, or from the file that setup.sh wrote.
set -eu
if [ -z "${GRADUS_TOKEN:-}" ]; then
    GRADUS_TOKEN=$(cat "${GRADUS_TOKEN_FILE:?names the file of the token; or set GRADUS_TOKEN}")
    export GRADUS_TOKEN
fi
exec celery --quiet -A workers.app worker -Q labs,bench -l WARNING --without-gossip --without-mingle
