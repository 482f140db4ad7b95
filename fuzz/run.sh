#!/bin/bash
# Runs fuzz targets: `fuzz/run.sh -OPTION... [TARGET...]`, all of them if none is named, one on each processor at a time.
# The options are libFuzzer's, for each target: -max_total_time=SECONDS or -runs=NUMBER, and -seed=NUMBER to do the same
# again.
#
# It needs no cargo-fuzz, and no nightly Rust: the library has no `unsafe`, so coverage is enough. Seeds come from fuzz/seeds,
# and from $NFTLINK_CORPUS if it is set; what the fuzzer finds is kept in fuzz/corpus, what fails in fuzz/artifacts.
set -Eeuo pipefail
directory=$(realpath -m "${CARGO_TARGET_DIR:-$(dirname "$0")/../target}/fuzz")
cd "$(dirname "$0")"
options=() targets=()
for argument; do
    if [[ $argument == -* ]]; then options+=("$argument"); else targets+=("$argument"); fi
done
if [ ${#options[@]} = 0 ]; then
    echo "usage: fuzz/run.sh -max_total_time=SECONDS|-runs=NUMBER [TARGET...]" >&2
    exit 2
fi
if [ ${#targets[@]} = 0 ]; then
    for file in fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi

# With --target the flags are not those of build scripts.
host=$(rustc -vV | sed -n 's/^host: //p')
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
 -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
RUSTFLAGS="--cfg fuzzing $coverage" cargo build -q --locked --release --target "$host" --target-dir "$directory" \
    --example seeds "${targets[@]/#/--bin=}"
built=$directory/$host/release

shopt -s nullglob
recorded=(seeds/*)
if [ "${NFTLINK_CORPUS:-}" ]; then recorded+=("$NFTLINK_CORPUS"/{rulesets,crafted}/*.{nl,req}); fi
"$built/examples/seeds" corpus "${recorded[@]}"

# Runs a target, and keeps its status.
run() {
    local target=$1 status=0
    mkdir -p "corpus/$target" "artifacts/$target"
    "$built/$target" "corpus/$target" "${options[@]}" -max_len=4096 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="artifacts/$target/" >"$directory/$target.log" 2>&1 </dev/null || status=$?
    echo "$status" >"$directory/$target.status"
}

# One on each processor.
for target in "${targets[@]}"; do
    rm -f "$directory/$target.status"
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n || true; done
    run "$target" &
done
wait

total=0 seeds='' failed=''
for target in "${targets[@]}"; do
    log=$directory/$target.log
    [ "$(cat "$directory/$target.status")" = 0 ] || failed+=" $target"
    seed=$(sed -n 's/^INFO: Seed: //p' "$log")
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    total=$((total + ${runs:-0})) seeds+=" $seed"
    echo "$target: ${runs:-no} executions, seed $seed, $(grep -aoE 'cov: .* corp: [0-9]+' "$log" | tail -1)"
    if [[ $failed == *" $target" ]]; then
        grep -avE '^#|DE: ' "$log" | tail -40 || true
    fi
done
echo "fuzz: $total executions of ${#targets[@]} targets, seeds$seeds"
if [ "$failed" ]; then
    echo "fuzz: failed:$failed" >&2
    exit 1
fi
