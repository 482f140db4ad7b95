#!/bin/bash
# What takes longer than the gate may: `bash ci/long.sh [PART...]`, as root, on Debian, after .ci/run (which installs what is
# needed). All parts take some hours on two cores, and go one after the other:
#
#   fuzz        100 million executions of the fuzz targets
#   properties  the property tests with many more cases
#   faults      among others a program that is killed at 1,000 moments
#   snapshots   ten thousand snapshots of a ruleset beside somebody who commits without a pause
#   load        eight threads that commit, list and watch for an hour
#   kernels     the tests that talk to a kernel, and the comparison of the language with nft, on four kernels
#   others      the tests that talk to a kernel, on those between of which Debian still has one
#   unprivileged  these tests as an unprivileged user on the newest kernel
#   targets     the library for other processors, and for musl
#   nextest     a part of the tests by cargo-nextest, each in a process of its own
#   release     the oldest Rust and dependencies, the public API, the package, licences and advisories
#
# Whatever happens, all parts are run; the summary says what passed, with seeds and counts. Logs are kept in $LONG_LOGS.
set -Eeuo pipefail
cd "$(dirname "$0")/.."
exec </dev/null
export CI=true CARGO_TERM_COLOR=never
PATH=$PATH:/usr/sbin:/sbin:${CARGO_HOME:-$HOME/.cargo}/bin
if [ -d ../shared/corpus ]; then NFTLINK_CORPUS=$(realpath ../shared/corpus); export NFTLINK_CORPUS; fi
logs=${LONG_LOGS:-${CARGO_TARGET_DIR:-$PWD/target}/long}
mkdir -p "$logs"

# In these a command that fails does not end them: each part is left of `||` below.
fuzz() { fuzz/run.sh -runs="${FUZZ_RUNS:-11200000}"; }
# With other values each time.
properties() {
    export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-$(date +%s)} PROPTEST_CASES=${PROPTEST_CASES:-2000}
    echo "properties: $PROPTEST_CASES cases, PROPTEST_RNG_SEED=$PROPTEST_RNG_SEED"
    cargo test --test kernel_properties -- --nocapture
}
faults() { cargo test --test kernel_faults -- --nocapture; }
snapshots() { NFTLINK_SNAPSHOTS=10000 cargo test --test kernel -- snapshots_beside_a_writer; }
load() { NFTLINK_LOAD_SECONDS=${NFTLINK_LOAD_SECONDS:-3600} cargo test --test kernel_load -- --nocapture; }
kernels() { .ci/kernels.sh --none-skipped 5.10 6.1 6.12 newest; }
others() { .ci/kernels.sh --short 6.16 6.17 6.18 6.19 7.0 7.1 7.2; }
unprivileged() {
    local list
    list=$(.ci/test-binaries.sh 'kernel*') || return 1
    # shellcheck disable=SC2086 # one path a line
    RUNNER=$PWD/.ci/as-nobody.sh tests/vm/run-tests.sh newest $list || case $? in 123) return 3 ;; *) return 1 ;; esac
}
targets() { .ci/targets.sh --musl; }
nextest() {
    local nextest
    nextest=$(.ci/tool.sh cargo-nextest 0.9.151) || return 1
    "$nextest" nextest run --no-fail-fast --test lab --test recording --test kernel --test kernel_nft
}
release() {
    local status=0 part
    for part in minimum-rust minimal-versions public-api packed dependencies; do
        echo "-- $part"
        ".ci/$part.sh" || { [ $? = 3 ] && status=$((status == 1 ? 1 : 3)); } || status=1
    done
    return "$status"
}

[ $# -gt 0 ] || set -- fuzz properties faults snapshots load kernels others unprivileged targets nextest release
status=0
summary=$(printf '%s, commit %s, Linux %s, %s\n' "$(date -u +%F)" "$(git rev-parse --short HEAD)" "$(uname -r)" "$(rustc --version)")
# What the summary takes over of the logs; of kernels the name stands before it.
told='^([a-z0-9.]+: )?(== Linux|test result|seed|killed|[a-z]*: .*(seed|SEED)|load: )|^(-- |fuzz: |skipped on all|Debian has no|     Summary)'
told+='|^Linux .*(crashed|not to be had|FAILED)|^[^ ]*/[^ ]*\.log: '
for part in "$@"; do
    began=$SECONDS outcome=passed
    echo "==== $part"
    "$part" 2>&1 | tee "$logs/$part.log" || case ${PIPESTATUS[0]} in
    # Not all kernels, processors or tools can be had: the log says which.
    3) outcome="passed in part" ;;
    *) outcome="FAILED (${PIPESTATUS[0]})" status=1 ;;
    esac
    summary+=$(printf '\n%s: %s in %d s\n' "$part" "$outcome" $((SECONDS - began)))
    summary+=$'\n'$(grep -E "$told" "$logs/$part.log" | sed 's/^/    /' || true)
done
printf '\n==== Summary\n%s\n' "$summary"
exit "$status"
