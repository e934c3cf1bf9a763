#!/bin/sh
# Prepares this machine. `setup.sh DIR` makes the virtual environment DIR; `setup.sh --for-tests` adds what tests use.
# As root on Debian or Ubuntu missing system packages are installed; otherwise the command to do so is printed.
set -eu

is_debian() { [ -e /etc/debian_version ] && command -v apt-get >/dev/null 2>&1; }

# install NEED PACKAGES...: NEED is "must" (stop without them) or "may" (say so and go on).
install() {
    need=$1
    shift
    if is_debian && [ "$(id -u)" = 0 ]; then
        echo "installing $*"
        export DEBIAN_FRONTEND=noninteractive
        if apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1; then return 0; fi
        apt-get update -qq >/dev/null 2>&1 || true
        if apt-get install -y -qq --no-install-recommends "$@" >/dev/null; then return 0; fi
        echo "apt-get could not install: $*" >&2
    elif is_debian; then
        echo "missing system packages; run: sudo apt-get install -y $*" >&2
    else
        echo "missing system packages; install what Debian calls: $*" >&2
    fi
    [ "$need" = may ] || exit 1
}

find_python() {
    for name in python3.13 python3.12 python3.11 python3 python3.14; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

# WeasyPrint opens these by name at run time; the same look-up tells whether they are there.
has_pango() {
    "$1" - <<'PYTHON'
import ctypes.util, sys
needed = ("pango-1.0", "pangoft2-1.0", "harfbuzz-subset", "fontconfig")
sys.exit(not all(ctypes.util.find_library(name) for name in needed))
PYTHON
}

if [ "${1:-}" = --for-tests ]; then
    command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
        command -v google-chrome >/dev/null 2>&1 || install may chromium
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || install may postgresql
    exit 0
fi

venv=$1
python=$(find_python) || {
    echo "Python 3.11 or newer is needed" >&2
    install must python3
    python=$(find_python) || { echo "this system's python3 is older than 3.11; install a newer one" >&2; exit 1; }
}
# ctypes looks libraries up through ldconfig, which is in no ordinary user's path on Debian.
PATH="$PATH:/sbin:/usr/sbin"
has_pango "$python" || install must libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fontconfig fonts-dejavu-core
"$python" -c 'import ensurepip, venv' 2>/dev/null || install must python3-venv

if ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "making $venv with $("$python" --version)"
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi
[ -x "$venv/bin/uv" ] || "$venv/bin/python" -m pip install --quiet --disable-pip-version-check uv
UV_PROJECT_ENVIRONMENT="$venv" "$venv/bin/uv" sync --frozen --quiet --inexact --python "$venv/bin/python"
echo "ready: $venv"
