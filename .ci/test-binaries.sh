#!/bin/bash
# Builds integration tests and prints the path of each one's executable.
#
#   test-binaries.sh [NAME...]
#
# NAME may be a pattern ('kernel*', quoted). Without names: all of tests/*.rs.
set -Eeuo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- '*'
targets=()
for pattern in "$@"; do
    before=${#targets[@]}
    # shellcheck disable=SC2231 # the pattern is to be expanded
    for file in tests/$pattern.rs; do
        [ ! -e "$file" ] || targets+=(--test "$(basename "$file" .rs)")
    done
    [ ${#targets[@]} -gt "$before" ] || { echo "no test is called $pattern" >&2; exit 1; }
done
messages=$(cargo test --no-run --message-format=json-render-diagnostics "${targets[@]}")
sed -n 's/^.*"executable":"\([^"]*\)".*$/\1/p' <<<"$messages"
