#!/bin/bash
# Runs a program as an unprivileged user: the "runner" with which cargo, itself run by
# root, starts tests and examples.
#
#   CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER=$PWD/.ci/as-nobody.sh cargo test --tests
#
# The user need not be able to read the target directory, nor this tree: where it lies
# in a closed directory (root's home), the program sees a copy of it in the same place.
set -Eeuo pipefail
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
program=$1; shift

stage=$(mktemp -d /tmp/as-nobody.XXXXXX)
trap 'rm -rf "$stage"' EXIT
chmod 755 "$stage"
install -d -o 65534 -g 65534 -m 700 "$stage/home"
# Readable, because the kernel lets nobody but root set up a user namespace from a
# program that its user cannot read.
install -m 755 "$program" "$stage/${program##*/}"

if [ -n "${NFTLINK_CORPUS:-}" ] && ! "${nobody[@]}" test -r "$NFTLINK_CORPUS/."; then
    cp -r "$NFTLINK_CORPUS" "$stage/corpus"; chmod -R a+rX "$stage/corpus"
    export NFTLINK_CORPUS=$stage/corpus
fi
closed=
if ! "${nobody[@]}" test -r "$PWD/Cargo.toml"; then
    IFS=/ read -ra parts <<<"${PWD#/}"
    for part in "${parts[@]}"; do
        closed+=/$part
        "${nobody[@]}" test -x "$closed" || break
    done
    mkdir "$stage/tree"
    tar -c --exclude=./target --exclude=./fuzz/target --exclude=./.git . | tar -x -C "$stage/tree"
    chmod -R a+rX "$stage/tree"
fi

# A mount namespace, in which the copied tree covers the closed directory.
export HOME=$stage/home TMPDIR=$stage/home stage closed
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
unset XDG_RUNTIME_DIR XDG_CACHE_HOME XDG_CONFIG_HOME
# shellcheck disable=SC2016 # expanded by the inner shell
unshare --mount --propagation private bash -Eeuo pipefail -c '
    if [ -n "$closed" ]; then
        here=$PWD
        mount -t tmpfs -o mode=755 tmpfs "$closed"
        mkdir -p "$here"
        mount --bind "$stage/tree" "$here"
        cd "$here"
    fi
    exec "$@"' as-nobody "${nobody[@]}" "$stage/${program##*/}" "$@"
