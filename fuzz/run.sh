#!/bin/bash
# Runs fuzz targets: `fuzz/run.sh LIMIT [TARGET...]`, all of them one after the other if none is named. LIMIT is what libFuzzer
# takes: -max_total_time=SECONDS or -runs=NUMBER, for each target.
#
# It needs no cargo-fuzz, and no nightly Rust: the library has no `unsafe`, so coverage is enough. With cargo-fuzz
# `cargo +nightly fuzz run TARGET` does the same. Seeds come from fuzz/seeds, and from $NFTLINK_CORPUS if it is set; what
# the fuzzer finds is kept in fuzz/corpus, what fails in fuzz/artifacts.
set -Eeuo pipefail
cd "$(dirname "$0")"
limit=${1:?a limit: -max_total_time=SECONDS or -runs=NUMBER}
shift
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    for file in fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi
host=$(rustc -vV | sed -n 's/^host: //p')
directory=${CARGO_TARGET_DIR:-$PWD/target}

cargo build -q --release --bin seeds
shopt -s nullglob
"$directory/release/seeds" corpus seeds/* ${NFTLINK_CORPUS:+"$NFTLINK_CORPUS"/rulesets/*.nl}

bins=("${targets[@]/#/--bin=}")
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
 -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
RUSTFLAGS="--cfg fuzzing -Cdebug-assertions -Coverflow-checks $coverage" \
    cargo build -q --release --target "$host" "${bins[@]}"
for target in "${targets[@]}"; do
    mkdir -p "corpus/$target" "artifacts/$target"
    echo "-- $target"
    "$directory/$host/release/$target" "corpus/$target" "$limit" -max_len=4096 -timeout=20 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="artifacts/$target/" 2>&1 | grep -vE '^(#|.*DE: |.*Dictionary|####)' | tail -25
done
