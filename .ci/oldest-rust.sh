#!/bin/bash
# Prints a directory with the oldest Rust that Cargo.toml allows, as Debian has it. Ends with status 3 if Debian doesn't.
#
# It is unpacked in the cache ($XDG_CACHE_HOME), not installed, with the libraries that it needs and this machine lacks.
set -Eeuo pipefail
cd "$(dirname "$0")/.."
version=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
root=${XDG_CACHE_HOME:-$HOME/.cache}/nftlink-ci/rust-$version
if [ -d "$root" ]; then echo "$root"; exit; fi

for family in -web ""; do
    package=$(apt-cache madison "rustc$family" |
        awk -v v="$version." '!found && index($3, v) == 1 { print $3; found = 1 }')
    [ -z "$package" ] || break
done
if [ -z "$package" ]; then echo "Debian has no Rust $version here" >&2; exit 3; fi
tmp=$(mktemp -d); mkdir -p "$tmp/partial" "$tmp/root"
trap 'rm -rf "$tmp"' EXIT
apt-get install -q -y --download-only --reinstall --no-install-recommends --allow-downgrades \
    -o Acquire::Retries=3 -o APT::Sandbox::User=root -o Dir::Cache::archives="$tmp" \
    {rustc,cargo}"$family=$package" "libstd-rust$family-dev=$package" "libstd-rust$family-$version" >&2
for deb in "$tmp"/*.deb; do dpkg-deb -x "$deb" "$tmp/root"; done
# Moved within the cache, so that an interrupted copy never looks like a Rust.
mkdir -p "${root%/*}"; rm -rf "$root.part"; mv "$tmp/root" "$root.part"; mv "$root.part" "$root"
echo "$root"
