#!/bin/bash
# Runs the tests that talk to a kernel on other kernels, each in one boot of a QEMU machine.
#
#   kernels.sh KERNEL...
#
# KERNEL is what tests/vm/run-tests.sh takes. One that hangs or crashes by itself gets a second boot, which is told;
# tests that fail do not. Kernels that cannot be had are named at the end; the status is 123 then, if all others passed.
set -Eeuo pipefail
cd "$(dirname "$0")/.."
list=$(.ci/test-binaries.sh 'kernel*' language; .ci/test-binaries.sh --features tokio with_tokio)
mapfile -t executables <<<"$list"
told=() missing=
for kernel in "$@"; do
    for boot in first second; do
        status=0; tests/vm/run-tests.sh "$kernel" "${executables[@]}" || status=$?
        [ "$status" = 125 ] || break
        told+=("Linux $kernel hung or crashed in its $boot boot: its complaint is above")
    done
    case $status in
    0) ;;
    123) missing=yes told+=("Linux $kernel: not to be had") ;;
    *) exit "$status" ;;
    esac
done
if [ ${#told[@]} -gt 0 ]; then printf '%s\n' "${told[@]}"; fi
[ -z "$missing" ] || exit 123
