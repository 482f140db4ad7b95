#!/bin/bash
# Packs the library; checks and documents what is in the package, and runs an example of it, outside of this tree.
set -Eeuo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
# After this nothing is asked of a registry.
cargo fetch --locked
export CARGO_NET_OFFLINE=true
cargo package --no-verify --allow-dirty
crate=$(ls -t "$target"/package/nftlink-*.crate | head -1)
echo "$(basename "$crate"): $(($(stat -c %s "$crate") / 1024)) KiB, $(tar -tzf "$crate" | wc -l) files"

names=$(tar -tzf "$crate" | cut -d/ -f2 | sort -u)
expected=(.cargo_vcs_info.json CHANGELOG.md CONTRIBUTING.md Cargo.lock Cargo.toml Cargo.toml.orig LICENSE LICENSE-APACHE LICENSE-MIT
    README.md SECURITY.md benches examples src tests)
others=$(grep -vxFf <(printf '%s\n' "${expected[@]}") <<<"$names" || true)
if [ -n "$others" ]; then echo "these do not belong into the package: ${others//$'\n'/, }"; exit 1; fi
for name in "${expected[@]}"; do
    grep -qxF "$name" <<<"$names" || [ "$name" = .cargo_vcs_info.json ] || { echo "the package has no $name"; exit 1; }
done

unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT
tar -xzf "$crate" -C "$unpacked"
cd "$unpacked"/nftlink-*
# The dependencies are those of this tree.
export CARGO_TARGET_DIR=$target
cargo check --locked --all-features --all-targets
cargo run -q --locked --example blacklist
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --all-features
