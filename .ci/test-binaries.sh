#!/bin/bash
# Builds integration tests and prints the path of each one's executable.
#
#   test-binaries.sh [--features FEATURES] [NAME...]
#
# NAME may be a pattern ('kernel*', quoted). Without names: all of tests/*.rs. Those that need
# features are left out unless features are given.
set -Eeuo pipefail
cd "$(dirname "$0")/.."
targets=() gated=$(awk -F'"' '/^\[\[/ { name = "" } /^name =/ { name = $2 } /^required-features/ { print name }' Cargo.toml)
if [ "${1:-}" = --features ]; then targets+=("$1" "$2"); gated=; shift 2; fi
[ $# -gt 0 ] || set -- '*'
for pattern in "$@"; do
    before=${#targets[@]}
    # shellcheck disable=SC2231 # the pattern is to be expanded
    for file in tests/$pattern.rs; do
        name=$(basename "$file" .rs)
        [ ! -e "$file" ] || grep -qx "$name" <<<"$gated" || targets+=(--test "$name")
    done
    [ ${#targets[@]} -gt "$before" ] || { echo "no test is called $pattern" >&2; exit 1; }
done
messages=$(cargo test --no-run --message-format=json-render-diagnostics "${targets[@]}")
sed -n 's/^.*"executable":"\([^"]*\)".*$/\1/p' <<<"$messages"
