#!/bin/sh
# overlay.sh FOLDER ENVIRONMENT: makes a virtual environment in FOLDER that has all of another one, and this checkout's
# gitreg. It takes no time and no space: what is large stays where all checkouts share it.
set -eu
folder=$1
environment=$2
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$folder"
"${PYTHON:-python3}" -m venv --without-pip "$folder"
sites=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
shared=$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n%s\n' "$shared" "$(dirname "$(dirname "$here")")" >"$sites/overlay.pth"
