#!/bin/bash
# Compares the public API with the one that `.ci/public-api/api.txt` keeps, and looks for types of dependencies in it.
#
#   public-api.sh            fails if something differs
#   public-api.sh --renew    writes the file
#
# Ends with status 3, and does nothing, where rustdoc writes another format than the reader knows.
set -Eeuo pipefail
cd "$(dirname "$0")/.."
kept=.ci/public-api/api.txt target=${CARGO_TARGET_DIR:-$PWD/target}
# Rust 1.95's: see the version of the reader in .ci/public-api/Cargo.toml.
format=57

# JSON is an unstable feature of rustdoc, which every rustc has.
RUSTC_BOOTSTRAP=1 cargo rustdoc -q --lib --all-features --locked --target-dir "$target/public-api" \
    -- -Z unstable-options --output-format json
json=$target/public-api/doc/nftlink.json
is=$(grep -o '"format_version":[0-9]*' "$json" | tail -1)
if [ "${is#*:}" != "$format" ]; then
    echo "rustdoc writes format ${is#*:}, the reader knows $format"
    exit 3
fi
list=$(cargo run -q --locked --manifest-path .ci/public-api/Cargo.toml --target-dir "$target/public-api" -- "$json")

# Where a path begins, it names a crate. `Stream` is what streams are for: everybody's. And `bitflags!` gives each type of
# flags an iterator of its own, and its trait.
allowed='^impl futures_core::stream::Stream for nftlink::tokio::'
allowed+='|bitflags::(iter::(Iter|IterNames)<Self>|iter::Iter<nftlink::|iter::IterNames<nftlink::|traits::(Flag<|Flags for|PublicFlags for))'
crates=$(grep -vE "$allowed" <<<"$list" | grep -oP '(?<![:\w])[a-z_]\w*(?=::)' | sort -u)
foreign=$(grep -vxE 'nftlink|std|core|alloc|bool|str|u(8|16|32|64|128)' <<<"$crates" || true)
if [ -n "$foreign" ]; then
    echo "the public API has types of: ${foreign//$'\n'/, }"
    grep -vE "$allowed" <<<"$list" | grep -P "(?<![:\w])(${foreign//$'\n'/|})::"
    exit 1
fi

# Not those that no programmer wrote and nobody calls, but for what is *not* Send, Sync and so on; and short.
list=$(grep -vE '^impl(<.*>)? core::(marker::[A-Za-z]+|panic::unwind_safe::[A-Za-z]+) for' <<<"$list" |
    grep -vE '^pub fn .*::(clone|eq|fmt|hash|cmp|partial_cmp)(<__H: [A-Za-z:]*>)?\(&self' | sed 's/nftlink:://g')

if [ "${1:-}" = --renew ]; then printf '%s\n' "$list" >"$kept"; wc -l "$kept"; exit; fi
if ! diff -U0 "$kept" - <<<"$list"; then
    echo "the public API is another one: if that is meant, say so in CHANGELOG.md, and run .ci/public-api.sh --renew"
    exit 1
fi
echo "$(wc -l <"$kept") items, as before; crates: ${crates//$'\n'/, }"
