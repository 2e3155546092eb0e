#!/bin/sh
# setup.sh TOOL: prints the folder of TOOL's own virtual environment, made from TOOL.txt at the first call. A tool from npm
# is named in TOOL.npm; TOOL.txt brings the node that installs and runs it. TOOL.parts names the parts of pyproject.toml
# that it has besides.
#
# It lies in the user's cache, so that all checkouts share it. Scripts in it name their interpreter by absolute path, so
# a finished one cannot be renamed: it keeps the name it was built under, and the name that callers see is a link to it,
# made when all is done. Of two builders at once the first to make the link wins.
set -eu
tool=$1
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gitreg-test
npm=$(cat "$here/$tool.npm" 2>/dev/null) || npm=
parts=$(cat "$here/$tool.parts" 2>/dev/null) || parts=
own=$([ -z "$parts" ] || "${PYTHON:-python3}" "$here/requirements.py" $parts)
made_from=$({ cat "$here/$tool.txt"; printf %s "$own"; printf %s "$npm"; "${PYTHON:-python3}" --version; } | git hash-object --stdin | cut -c1-12)
link=$cache/$tool-$made_from

if [ ! -d "$link" ]; then
    echo "making the environment of $tool (once)" >&2
    mkdir -p "$cache"
    built=$(mktemp -d "$link.XXXXXX")
    trap 'rm -rf "$built"' EXIT
    wanted=$(mktemp)
    { cat "$here/$tool.txt"; echo "$own"; } >"$wanted"
    "$here/venv.sh" "$built" -r "$wanted"
    rm "$wanted"
    if [ -n "$npm" ]; then
        PATH=$built/bin:$PATH npm install --prefix "$built" --no-audit --no-fund --ignore-scripts --loglevel=error "$npm" >&2
    fi
    if ln -sn "$(basename "$built")" "$link" 2>/dev/null; then
        trap - EXIT
    fi
fi
echo "$link"
