#!/usr/bin/env bash
# `make db-reset`: forgets what the data folder knows, except its keys. Refuses while Assay runs from it.
set -euo pipefail
cd "$(dirname "$0")/.."
data=${ASSAY_DATA_DIR:-var}
[ -d "$data" ] || exit 0

exec 9>> "$data/supervisor.lock"
if ! flock -n 9; then
    echo "Assay runs from $data: end it first." >&2
    exit 1
fi
rm -rf "$data"/{assay.sqlite3*,artifacts,beat*,demo,logs,nodes,once.*,plans,static,valkey,valkey.sock,witness,work}
echo "$data is empty; its keys are kept. A PostgreSQL database, a Redis and an S3 bucket are left alone." >&2
