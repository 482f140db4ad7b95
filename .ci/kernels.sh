#!/bin/bash
# Runs the tests that talk to a kernel on other kernels, each in one boot of a QEMU machine, two of them at a time.
#
#   kernels.sh [--short] [--none-skipped] KERNEL...
#
# KERNEL is what tests/vm/run-tests.sh takes. One that crashes by itself gets a second boot, which is told; tests that
# fail or take too long do not. All kernels are gone through; the end names those that failed (the status is 1 then) and
# those that cannot be had (3, if all others passed).
#
# --short leaves out the comparison of the language with nft, which takes five minutes there and hardly depends on the
# kernel. What was printed is kept in target/kernels/KERNEL.log. Tests that were skipped on all kernels are named at the
# end, and with --none-skipped they are a failure, if all kernels could be had; what they did on the machine's own is read
# from target/kernels/own.log, which .ci/run writes: --none-skipped demands it, since some run nowhere else.
set -Eeuo pipefail
cd "$(dirname "$0")/.."
strict= programs=('kernel*' language)
if [ "${1:-}" = --short ]; then programs=('kernel*'); shift; fi
if [ "${1:-}" = --none-skipped ]; then strict=yes; shift; fi
logs=${CARGO_TARGET_DIR:-$PWD/target}/kernels
if [ -n "$strict" ] && [ ! -e "$logs/own.log" ]; then
    echo "kernels.sh: $logs/own.log is not there: .ci/run writes it" >&2
    exit 1
fi
list=$(.ci/test-binaries.sh "${programs[@]}" && .ci/test-binaries.sh --features tokio with_tokio)
mapfile -t executables <<<"$list"
mkdir -p "$logs"
told=() missing= failed= ran=()
if [ -e "$logs/own.log" ]; then ran+=("$logs/own.log"); fi

# Leaves a kernel's status in a file, and how often it crashed in another.
run_on() {
    local kernel=$1 boot status
    for boot in first second; do
        status=0
        tests/vm/run-tests.sh "$kernel" "${executables[@]}" 2>&1 | tee "$logs/$kernel.log" | sed -u "s/^/$kernel: /" ||
            status=${PIPESTATUS[0]}
        [ "$status" = 125 ] || break
        echo "Linux $kernel crashed in its $boot boot: its complaint is above" >>"$logs/$kernel.crashes"
    done
    echo "$status" >"$logs/$kernel.status"
}

for kernel in "$@"; do
    rm -f "$logs/$kernel".{status,crashes}
    # A machine of two processors leaves a third of their time unused.
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n || true; done
    run_on "$kernel" &
done
wait
for kernel in "$@"; do
    status=$(cat "$logs/$kernel.status" || echo 1)
    [ ! -e "$logs/$kernel.crashes" ] || told+=("$(cat "$logs/$kernel.crashes")")
    if [ "$status" = 0 ] && ! grep -q '^test result' "$logs/$kernel.log"; then status=1; fi
    case $status in
    0) ran+=("$logs/$kernel.log") ;;
    123) missing=yes told+=("Linux $kernel: not to be had") ;;
    *) failed=yes told+=("Linux $kernel: FAILED ($status)") ;;
    esac
done
if [ ${#ran[@]} -gt 0 ] && ! tests/vm/skipped.sh "${ran[@]}" && [ -n "$strict" ] && [ -z "$missing" ]; then
    failed=yes told+=("tests were skipped on all of these kernels: see above")
fi
if [ ${#told[@]} -gt 0 ]; then printf '%s\n' "${told[@]}"; fi
[ -z "$failed" ] || exit 1
[ -z "$missing" ] || exit 3
