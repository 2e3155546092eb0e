#!/bin/sh
# pagure.sh: prints the folder of a small Debian that holds Pagure, a forge, made at the first call.
#
# It lies in the user's cache, so that all checkouts share it, and is named after this recipe. It is made elsewhere and
# renamed when all is done; of two builders at once the first wins. testing/pagure.py runs it and writes nothing into it.
set -eu
PATH=$PATH:/usr/sbin:/sbin
suite=trixie
packages="git gunicorn pagure redis-server"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gitreg-test
debian=$cache/pagure-$(git hash-object "$0" | cut -c1-12)

if [ ! -d "$debian" ]; then
    echo "making the Debian that Pagure runs in (once, about two minutes)" >&2
    mkdir -p "$cache"
    root=
    [ "$(id -u)" = 0 ] || root=sudo
    made=$(mktemp -d "$debian.XXXXXX")
    trap '$root rm -rf "$made"' EXIT
    trap 'exit 1' HUP INT TERM
    mirror=$(apt-get indextargets --format '$(ORIGIN)/$(LABEL) $(REPO_URI)' | sed -n 's,^Debian/Debian ,,p' | head -n 1)
    # What is mounted inside belongs to this namespace, and is gone with it. The packages' services start nowhere.
    # shellcheck disable=SC2016 # the inner shell's
    $root unshare --mount sh -euc '
        made=$1 suite=$2 mirror=$3 packages=$4
        debootstrap --variant=minbase "$suite" "$made" "$mirror"
        printf "#!/bin/sh\nexit 101\n" >"$made/usr/sbin/policy-rc.d"
        chmod 755 "$made" "$made/usr/sbin/policy-rc.d"
        chroot "$made" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $packages
        rm -rf "$made/var/cache/apt" "$made/var/lib/apt/lists"
    ' sh "$made" "$suite" "${mirror:-http://deb.debian.org/debian}" "$packages" >"$made.log" 2>&1 || {
        tail -n 20 "$made.log" >&2
        echo "could not make the Debian that Pagure runs in; all of it: $made.log" >&2
        exit 1
    }
    rm "$made.log"
    if $root mv -T "$made" "$debian" 2>/dev/null; then
        trap - EXIT
    fi
fi
echo "$debian"
