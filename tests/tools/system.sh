#!/bin/sh
# system.sh [python] [tests] [bench] [frameworks] [servers]: what pip cannot bring, from apt, where it is missing. Prints nothing when all is there.
set -eu
PATH=$PATH:/usr/sbin:/sbin
packages=

# want COMMAND PACKAGE
want() {
    command -v "$1" >/dev/null 2>&1 || packages="$packages $2"
}

for part in "$@"; do
    case $part in
    python)
        want git git
        want "${PYTHON:-python3}" python3
        "${PYTHON:-python3}" -c 'import ensurepip' 2>/dev/null || packages="$packages python3-venv"
        ;;
    tests)
        want bash bash
        want fcgiwrap fcgiwrap
        want fish fish
        want mandoc mandoc
        want nginx nginx-light
        want openssl openssl
        want ssh openssh-client
        want sshd openssh-server
        want zsh zsh
        ;;
    bench)
        want git-lfs git-lfs
        ;;
    frameworks)
        want java default-jre-headless
        want Rscript r-base-core
        [ -d /usr/lib/R/site-library/jsonlite ] || packages="$packages r-cran-jsonlite"
        ;;
    servers)
        want apache2 apache2-bin
        want ceph ceph-common
        want ceph-mon ceph-mon
        want ceph-osd ceph-osd
        want debootstrap debootstrap
        want openssl openssl
        want radosgw radosgw
        ;;
    *)
        echo "system.sh: no such part: $part" >&2
        exit 2
        ;;
    esac
done

if [ -n "$packages" ]; then
    echo "installing from apt:$packages" >&2
    root=
    [ "$(id -u)" = 0 ] || root=sudo
    install="$root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends$packages"
    if ! command -v apt-get >/dev/null || { [ -n "$root" ] && ! command -v sudo >/dev/null; } ||
        ! { $install || { $root apt-get update -qq && $install; }; } >/dev/null; then
        echo "could not install what the tests need; please install by hand (Debian's names):$packages" >&2
        exit 1
    fi
    # The tests start servers of their own: a machine with an init shall not get any that listens to the world.
    if [ -d /run/systemd/system ]; then
        case $packages in *openssh-server*) $root systemctl disable -q --now ssh >&2 ;; esac
        case $packages in *nginx*) $root systemctl disable -q --now nginx >&2 ;; esac
        case $packages in *fcgiwrap*) $root systemctl disable -q --now fcgiwrap.socket fcgiwrap.service >&2 ;; esac
    fi
fi

if ! "${PYTHON:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "gitreg needs Python 3.11 or newer; name one: make PYTHON=python3.11" >&2
    exit 1
fi
