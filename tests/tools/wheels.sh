#!/bin/sh
# wheels.sh: prints a folder with the wheels of wheels.txt and of all that they need, downloaded at the first call.
#
# Environments of models are built of them in the tests, without the network. It lies in the user's cache; of two at
# once the first to be done wins.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gitreg-test
made_from=$({ cat "$here/wheels.txt"; "${PYTHON:-python3}" --version; } | git hash-object --stdin | cut -c1-12)
folder=$cache/wheels-$made_from

if [ ! -d "$folder" ]; then
    echo "downloading wheels (once)" >&2
    mkdir -p "$cache"
    partial=$(mktemp -d "$folder.XXXXXX")
    trap 'rm -rf "$partial"' EXIT
    "${PYTHON:-python3}" -m venv "$partial/pip"
    "$partial/pip/bin/python" -m pip download -q --disable-pip-version-check --only-binary :all: -d "$partial" -r "$here/wheels.txt" >&2
    rm -rf "$partial/pip"
    mv -T "$partial" "$folder" 2>/dev/null || true
fi
echo "$folder"
