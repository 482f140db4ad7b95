#!/bin/bash
# Checks the library with the oldest versions of its own dependencies that Cargo.toml allows.
set -Eeuo pipefail
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
target=${CARGO_TARGET_DIR:-$PWD/target}/minimal-versions
cp -r src Cargo.toml Cargo.lock README.md "$copy"
cd "$copy"
# What tests and benches take does not reach users, and may want more.
sed -i '/^\[\[/,$d; /^\[dev-dependencies\]/,/^$/d' Cargo.toml
count=0
while IFS=' ' read -r name version; do
    [[ $version = *.*.* ]] || version+=.0
    cargo update -q -p "$name" --precise "$version"
    echo "$name $version"
    count=$((count + 1))
done < <(sed -n '/^\[dependencies\]/,/^$/s/^\([a-z-]*\) = .*version = "\([0-9.]*\)".*/\1 \2/p' Cargo.toml)
[ "$count" = "$(grep -c '^[a-z-]* = .*version = ' Cargo.toml)" ] || { echo "not all dependencies were found"; exit 1; }
cargo check --lib --all-features --locked --target-dir "$target"
