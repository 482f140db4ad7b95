#!/bin/bash
# Checks the library for other processors, and runs its unit tests on 32 bits and where numbers begin with their highest
# byte.
#
#   targets.sh [--musl]
#
# It takes the oldest Rust, of which Debian has standard libraries for other processors: they are put beside its own. Those
# that Debian does not have are named at the end, with status 3. For musl it has none: with --musl the source is fetched,
# and built for the check.
set -Eeuo pipefail
cd "$(dirname "$0")/.."
musl=
if [ "${1:-}" = --musl ]; then musl=yes; shift; fi
root=$(.ci/oldest-rust.sh) missing=()
family=; [ ! -e "$root/usr/share/doc/rustc-web" ] || family=-web
declare -A debian=([i686-unknown-linux-gnu]=i386 [armv7-unknown-linux-gnueabihf]=armhf
    [aarch64-unknown-linux-gnu]=arm64 [s390x-unknown-linux-gnu]=s390x)

libraries=$root/usr/lib/$(uname -m)-linux-gnu:$root/lib/$(uname -m)-linux-gnu
cargo() {
    env LD_LIBRARY_PATH="$libraries" RUSTC="$root/usr/bin/rustc" CARGO_TARGET_DIR="$target" \
        CARGO_PROFILE_DEV_DEBUG=false CARGO_PROFILE_TEST_DEBUG=false "$root/usr/bin/cargo" "$@"
}
target=${CARGO_TARGET_DIR:-$PWD/target}/targets

version=$(LD_LIBRARY_PATH=$libraries "$root/usr/bin/rustc" --version | sed -n 's/^rustc \([0-9.]*\).*/\1/p')

# The processors that are not this machine's are known to this apt only, which has lists of its own.
fetch() {
    local tmp arch full deb options
    tmp=$(mktemp -d); mkdir -p "$tmp/lists/partial" "$tmp/cache/archives/partial"
    options=(-q -o Acquire::Retries=3 -o Acquire::Languages=none -o APT::Sandbox::User=root
        -o Dir::State::Lists="$tmp/lists" -o Dir::Cache="$tmp/cache")
    for arch in "$(dpkg --print-architecture)" "$@"; do options+=(-o APT::Architectures::="$arch"); done
    # A list may be gone or out of date; apt then leaves it out, and tells. The others serve.
    apt-get "${options[@]}" update || echo "targets: going on without the lists named above"
    for arch in "$@"; do
        full=$(apt-cache "${options[@]}" madison "libstd-rust$family-dev:$arch" |
            awk -v v="$version+" '!found && index($3, v) == 1 { print $3; found = 1 }')
        if [ -z "$full" ]; then missing+=("$arch"); continue; fi
        (cd "$tmp"; apt-get "${options[@]}" download "libstd-rust$family-dev:$arch=$full")
    done
    for deb in "$tmp"/*.deb; do [ ! -e "$deb" ] || dpkg-deb -x "$deb" "$root"; done
    rm -rf "$tmp"
}

needed=()
for triple in "${!debian[@]}"; do
    [ -d "$root/usr/lib/rustlib/$triple/lib" ] || needed+=("${debian[$triple]}")
done
[ ${#needed[@]} = 0 ] || fetch "${needed[@]}"
there=()
for triple in "${!debian[@]}"; do
    [ ! -d "$root/usr/lib/rustlib/$triple/lib" ] || there+=(--target "$triple")
done
if [ ${#there[@]} -gt 0 ]; then
    echo "-- ${there[*]}"
    cargo check --lib --all-features --locked --offline "${there[@]}"
fi

# The source of the standard library.
fetch_source() {
    local tmp source=rust$family-src full
    full=$(apt-cache madison "$source" | awk -v v="$version+" '!found && index($3, v) == 1 { print $3; found = 1 }')
    if [ -z "$full" ]; then missing+=("musl"); return; fi
    tmp=$(mktemp -d)
    (cd "$tmp"; apt-get download -q -o Acquire::Retries=3 -o APT::Sandbox::User=root "$source=$full")
    dpkg-deb --fsys-tarfile "$tmp"/*.deb | tar -x -C "$root" --wildcards './usr/lib/rustlib/src*' './usr/src/*/library/*'
    rm -rf "$tmp"
}

if [ -n "$musl" ] && [ ! -e "$root/usr/lib/rustlib/src/rust/library" ]; then fetch_source; fi
if [ -n "$musl" ] && [[ " ${missing[*]} " != *" musl "* ]]; then
    echo "-- x86_64-unknown-linux-musl"
    RUSTC_BOOTSTRAP=1 cargo check --lib --all-features --locked --target x86_64-unknown-linux-musl -Z build-std=std
fi

# A package of the library alone: what its integration tests and benches take is not for the oldest Rust.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r src Cargo.toml Cargo.lock README.md "$copy"
sed -i '/^\[\[/,$d; /^\[dev-dependencies\]/,/^$/d' "$copy/Cargo.toml"
cd "$copy"
# The loader of 32 bits is enough on a kernel that runs such programs. What is compared with bytes as nft sends them is
# little-endian: on the other machine only what knows of the order is run.
export CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER=i686-linux-gnu-gcc
export CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_RUNNER="/usr/i686-linux-gnu/lib/ld-linux.so.2 --library-path /usr/i686-linux-gnu/lib"
export CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER=s390x-linux-gnu-gcc
export CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_RUNNER="qemu-s390x -L /usr/s390x-linux-gnu"
tested() { [[ " ${there[*]} " == *" $1 "* ]]; }
if tested i686-unknown-linux-gnu; then cargo test -q --lib --offline --target i686-unknown-linux-gnu; fi
if tested s390x-unknown-linux-gnu; then
    cargo test -q --lib --offline --target s390x-unknown-linux-gnu -- wire:: datum:: engine::tests
fi
if [ ${#missing[@]} -gt 0 ]; then echo "Debian has no such standard library for ${missing[*]}"; exit 3; fi
