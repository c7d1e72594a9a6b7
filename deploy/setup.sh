#!/usr/bin/env bash
# Makes .venv from a bare Python and installs one pinned file into it. PYTHON names the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."
requirements=$1
python=${PYTHON:-python3}
venv=.venv

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "Assay needs Python 3.11 or newer; $python is $("$python" --version 2>&1). Name another: make PYTHON=python3.12" >&2
    exit 1
}
if [ ! -x "$venv/bin/python" ]; then
    "$python" -m venv "$venv" || {
        echo "Python's venv module is missing: apt-get install python3-venv" >&2
        exit 1
    }
fi

echo "Installing $requirements into $venv ..." >&2
if [ ! -x "$venv/bin/uv" ]; then
    # uv's own lines of the pinned file, hashes included: nothing is installed without them.
    awk '/^[A-Za-z]/ {ours = /^uv==/} ours' requirements-dev.txt > "$venv/uv.txt"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r "$venv/uv.txt" || true
fi
if [ -x "$venv/bin/uv" ] && "$venv/bin/uv" pip install -q --python "$venv/bin/python" \
    --compile-bytecode --require-hashes -r "$requirements"; then
    exit 0
fi
echo "uv did not manage it; trying pip, which takes longer." >&2
"$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r "$requirements"
