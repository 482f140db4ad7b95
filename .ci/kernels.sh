#!/bin/bash
# Runs the tests that talk to a kernel on other kernels, each in one boot of a QEMU machine.
#
#   kernels.sh [--none-skipped] KERNEL...
#
# KERNEL is what tests/vm/run-tests.sh takes. One that hangs or crashes by itself gets a second boot, which is told;
# tests that fail do not. Kernels that cannot be had are named at the end; the status is 123 then, if all others passed.
#
# What was printed is kept in target/kernels/KERNEL.log. Tests that were skipped on all kernels are named at the end, and
# with --none-skipped they are a failure; what they did on the machine's own is read from target/kernels/own.log, if that
# is there.
set -Eeuo pipefail
cd "$(dirname "$0")/.."
strict=
if [ "${1:-}" = --none-skipped ]; then strict=yes; shift; fi
list=$(.ci/test-binaries.sh 'kernel*' language; .ci/test-binaries.sh --features tokio with_tokio)
mapfile -t executables <<<"$list"
logs=${CARGO_TARGET_DIR:-$PWD/target}/kernels
mkdir -p "$logs"
told=() missing= ran=()
if [ -e "$logs/own.log" ]; then ran+=("$logs/own.log"); fi
for kernel in "$@"; do
    for boot in first second; do
        status=0; tests/vm/run-tests.sh "$kernel" "${executables[@]}" | tee "$logs/$kernel.log" || status=${PIPESTATUS[0]}
        [ "$status" = 125 ] || break
        told+=("Linux $kernel hung or crashed in its $boot boot: its complaint is above")
    done
    case $status in
    0) ran+=("$logs/$kernel.log") ;;
    123) missing=yes told+=("Linux $kernel: not to be had") ;;
    *) exit "$status" ;;
    esac
done
[ ${#ran[@]} = 0 ] || tests/vm/skipped.sh "${ran[@]}" || [ -z "$strict" ]
if [ ${#told[@]} -gt 0 ]; then printf '%s\n' "${told[@]}"; fi
[ -z "$missing" ] || exit 123
