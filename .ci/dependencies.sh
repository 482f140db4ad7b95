#!/bin/bash
# Checks licences, sources and versions of all dependencies, and what is known against them. Ends with status 3 where the
# database of that cannot be fetched, and all else is right.
set -Eeuo pipefail
cd "$(dirname "$0")/.."
deny=$(.ci/tool.sh cargo-deny 0.20.2)
"$deny" check bans licenses sources
"$deny" fetch db || exit 3
"$deny" check --disable-fetch advisories
