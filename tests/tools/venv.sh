#!/bin/sh
# venv.sh FOLDER ARGUMENTS-OF-PIP-INSTALL...: makes a new virtual environment there and installs into it.
set -eu
folder=$1
shift
rm -rf "$folder"
"${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/python" -m pip install -q --disable-pip-version-check uv==0.13.9 >&2
# uv is ten times as fast, but knows nothing of pip's settings: it is told where wheels lie, and where others are needed,
# pip itself it is.
links=$("$folder/bin/python" -m pip config get global.find-links 2>/dev/null) || links=
UV_FIND_LINKS=$(echo "${UV_FIND_LINKS:-${PIP_FIND_LINKS:-$links}}" | xargs | tr ' ' ,)
export UV_FIND_LINKS
VIRTUAL_ENV=$folder "$folder/bin/uv" pip install -q --compile-bytecode --python "$folder/bin/python" "$@" >&2 ||
    "$folder/bin/python" -m pip install -q --disable-pip-version-check "$@" >&2
