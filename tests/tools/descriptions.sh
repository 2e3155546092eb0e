#!/bin/sh
# descriptions.sh: prints the folder of GitHub's own descriptions of its API, as GitHub publishes them to npm, trimmed
# to what is about one repository, and who asks. It lies in the user's cache, so that all checkouts share it.
set -eu
package=@octokit/openapi@23.0.2
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gitreg-test
made_from=$(cat "$here/descriptions.sh" "$here/trim_openapi.py" | git hash-object --stdin | cut -c1-12)
folder=$cache/descriptions-$made_from

if [ ! -d "$folder" ]; then
    echo "fetching GitHub's description of its API (once)" >&2
    node=$("$here/setup.sh" azurite)/bin
    built=$(mktemp -d "$folder.XXXXXX")
    trap 'rm -rf "$built"' EXIT
    mkdir "$built/whole" "$built/trimmed"
    (cd "$built/whole" && PATH=$node:$PATH npm pack --silent "$package" >/dev/null)
    for name in api.github.com ghes-3.19; do
        tar xzf "$built"/whole/*.tgz -C "$built/whole" "package/generated/$name.json"
        "${PYTHON:-python3}" "$here/trim_openapi.py" "$built/whole/package/generated/$name.json" "$built/trimmed/$name.json" \
            '/repos/{owner}/{repo}' /user
    done
    mv -T "$built/trimmed" "$folder" 2>/dev/null || [ -d "$folder" ]
fi
echo "$folder"
