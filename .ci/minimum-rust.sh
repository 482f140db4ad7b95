#!/bin/bash
# Checks the library with the oldest Rust that it promises to build with: rustup's, or Debian's. Ends with status 3 where
# neither has it.
set -Eeuo pipefail
cd "$(dirname "$0")/.."
version=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/msrv
if rustup toolchain list 2>/dev/null | grep "^$version" >/dev/null; then
    cargo "+$version" check --lib --all-features --locked
    exit
fi
root=$(.ci/oldest-rust.sh)
export LD_LIBRARY_PATH=$root/usr/lib/$(uname -m)-linux-gnu:$root/lib/$(uname -m)-linux-gnu RUSTC=$root/usr/bin/rustc
"$RUSTC" --version
"$root/usr/bin/cargo" check --lib --all-features --locked --offline
