#!/usr/bin/env bash
# Looks for what Assay uses of the system when it is there: `bwrap` (isolation), `chromium` and `caddy` (tests),
# the locale `en_US.UTF-8` (models that change the case of texts). ASSAY_INSTALL=1 lets root install what is
# missing; otherwise it is named, with the line.
set -euo pipefail

declare -A package=([bwrap]=bubblewrap [chromium]=chromium [caddy]=caddy [en_US.UTF-8]=locales)
declare -A afterwards=([en_US.UTF-8]="localedef -i en_US -f UTF-8 en_US.UTF-8")

is_here() {
    case $1 in
        *.UTF-8) locale -a 2> /dev/null | grep -qix "${1%.UTF-8}\.utf-\?8" ;;
        *) command -v "$1" > /dev/null ;;
    esac
}

missing=() names=() line="apt-get update && apt-get install -y --no-install-recommends"
for tool in "$@"; do
    is_here "$tool" || { missing+=("$tool") && names+=("${package[$tool]}"); }
done
[ ${#missing[@]} -eq 0 ] && exit 0

line+=" ${names[*]}"
for tool in "${missing[@]}"; do
    line+=${afterwards[$tool]:+" && ${afterwards[$tool]}"}
done
if [ "${ASSAY_INSTALL:-}" = 1 ] && [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "Installing ${names[*]} ..." >&2
    export DEBIAN_FRONTEND=noninteractive
    if (eval "$line") > /dev/null; then
        exit 0
    fi
    echo "${names[*]} could not be installed." >&2
fi
echo "Not on this machine: ${missing[*]}. As root: $line" >&2
exit 1
