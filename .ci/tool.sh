#!/bin/bash
# Prints the path of a tool that is written in Rust: the one that is installed, or one that is built in the cache.
#
#   tool.sh NAME VERSION
set -Eeuo pipefail
cd "$(dirname "$0")/.."
name=$1 version=$2 tools=${XDG_CACHE_HOME:-$HOME/.cache}/nftlink-ci/tools
if command -v "$name"; then exit; fi
if [ ! -x "$tools/bin/$name" ]; then
    # Not optimized: it takes longer to build than it will ever run.
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/tools \
        cargo install -q "$name" --version "$version" --locked --root "$tools" >&2
fi
echo "$tools/bin/$name"
