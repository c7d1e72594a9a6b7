#!/usr/bin/env bash
# Looks for programs of the system that Assay uses when they are there: `bwrap` (isolation), `chromium`
# (browser tests). ASSAY_INSTALL=1 lets root install what is missing; otherwise it is named, with the line.
set -euo pipefail

declare -A package=([bwrap]=bubblewrap [chromium]=chromium)
missing=()
for program in "$@"; do
    command -v "$program" > /dev/null || missing+=("${package[$program]}")
done
[ ${#missing[@]} -eq 0 ] && exit 0

line="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
if [ "${ASSAY_INSTALL:-}" = 1 ] && [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "Installing ${missing[*]} ..." >&2
    export DEBIAN_FRONTEND=noninteractive
    if apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null; then
        exit 0
    fi
    echo "apt-get could not install ${missing[*]}." >&2
fi
echo "Not on this machine: ${missing[*]}. As root: $line" >&2
exit 1
