#!/bin/bash
# Runs test executables on another Linux kernel, all in one boot of a QEMU machine.
#
#   run-tests.sh KERNEL EXECUTABLE... [-- TEST-ARGUMENT...]
#
# KERNEL is what run-in-vm.sh takes ("5.10", "newest"). Builds nothing: .ci/test-binaries.sh
# prints the executables. The exit status is 0 if all succeeded, 1 if one failed, and
# 123 to 126 as run-in-vm.sh says. For instance
#
#   tests/vm/run-tests.sh 5.10 $(.ci/test-binaries.sh kernel) -- counter
#
# $RUNNER starts each executable in the guest, if it is set: with .ci/as-nobody.sh they run as an unprivileged user.
set -Eeuo pipefail
executables=()
kernel=${1:-}; shift || true
while [ $# -gt 0 ] && [ "$1" != -- ]; do executables+=("$(realpath "$1")"); shift; done
[ "${1:-}" != -- ] || shift
if [ ${#executables[@]} = 0 ]; then
    echo "usage: run-tests.sh KERNEL EXECUTABLE... [-- TEST-ARGUMENT...]" >&2; exit 2
fi

# Keeps an empty chain at hooks: `hold "FAMILY TYPE" HOOK...`.
hold() {
    local family=${1% *} type=${1#* } hook; shift
    for hook in "$@"; do
        nft "table $family held { chain ${hook%% *} { type $type hook $hook priority 0; }; }" ||
            echo "run-tests: no chain is kept at $family $hook"
    done
}

# What the guest does: `guest COUNT EXECUTABLE... TEST-ARGUMENT...`.
guest() {
    local count=$1 failed=(); shift
    local executables=("${@:1:count}") arguments=("${@:count+1}") executable
    # The kernel would load these one by one, and nf_tables starts its batch again after
    # each: in an emulated machine that takes seconds a time.
    modprobe -qa nf_tables nft_ct nft_nat nft_masq nft_redir nft_chain_nat nft_objref nft_limit \
        nft_log nf_log_syslog nft_quota nft_reject_inet nft_fib_inet nft_fib_netdev nft_hash nft_numgen \
        nft_osf nft_socket nft_tunnel nft_xfrm nf_flow_table nf_flow_table_inet nft_flow_offload veth bridge
    # The kernel patches its own code when the first chain of all namespaces comes to a hook, and when the last one goes.
    # QEMU's emulation can miss that and run the old code for ever, on both processors: so none is the first or the last.
    hold "inet filter" prerouting input forward output postrouting
    hold "arp filter" input output
    hold "bridge filter" prerouting input forward output postrouting
    hold "netdev filter" "ingress device lo"
    hold "netdev filter" "egress device lo"     # since Linux 5.16
    nft 'table inet held { chain trace { meta nftrace set 0; }; }'
    for executable in "${executables[@]}"; do
        echo "== Linux $(uname -r): ${executable##*/}"
        ${RUNNER:+"$RUNNER"} "$executable" "${arguments[@]}" || failed+=("${executable##*/}")
    done
    [ ${#failed[@]} = 0 ] || { echo "failed on Linux $(uname -r): ${failed[*]}"; return 1; }
}

here=$(dirname "$(realpath "$0")")
# What cargo promises the tests it runs: the package's directory as working directory.
cd "$here/../.."; export CARGO_MANIFEST_DIR=$PWD
VM_TIMEOUT=${VM_TIMEOUT:-1800} exec "$here/run-in-vm.sh" "$kernel" \
    bash -c "$(declare -f hold guest); guest \"\$@\"" guest ${#executables[@]} "${executables[@]}" "$@"
