#!/usr/bin/env bash
# `make demo`: starts Assay and plays the journey. ONCE=1 plays it in a fresh folder and ends with its result.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python

if ! deploy/system-tools.sh bwrap; then
    # The demo proves models that it has just trained itself, so it may go on; uploads of others should not.
    echo "WITHOUT ISOLATION: this demo runs its models unprotected. Do not let strangers upload to it." >&2
    export ASSAY_ALLOW_UNISOLATED=${ASSAY_ALLOW_UNISOLATED:-true}
fi
deploy/system-tools.sh en_US.UTF-8 || true # only models of texts need it
if [ -z "${ONCE:-}" ]; then
    exec "$python" manage.py up --then "$python manage.py demo"
fi
if [ -z "${ASSAY_DATA_DIR:-}" ]; then
    mkdir -p var
    ASSAY_DATA_DIR=$(mktemp -d "$PWD/var/once.XXXX")
    export ASSAY_DATA_DIR
fi
if "$python" manage.py up --once --then "$python manage.py demo --once"; then
    case $ASSAY_DATA_DIR in "$PWD"/var/once.*) rm -rf "$ASSAY_DATA_DIR" ;; esac
    exit 0
else
    code=$?
    echo "The demo did not do what it should. Its data and logs are kept in $ASSAY_DATA_DIR." >&2
    exit $code
fi
