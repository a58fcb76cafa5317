#!/usr/bin/env bash
# Both receivers away for ten minutes while 200 targets go on: not a page may be missing afterwards.
# relay_outage.sh [SECONDS [TARGETS [INTERVAL_MS]]]; TESSERA_BUILD names another build than build/release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export TESSERA_PEERS=${TESSERA_PEERS:-$PWD/build/peers}
export TESSERA_OUTAGE_SECONDS=${1:-600} TESSERA_OUTAGE_TARGETS=${2:-200} TESSERA_OUTAGE_INTERVAL_MS=${3:-2000}
build=${TESSERA_BUILD:-$PWD/build/release}
[ -x "$build/bin/e2e_relay_test" ] || { echo "relay_outage: no $build/bin/e2e_relay_test: build e2e_tests" >&2; exit 1; }
exec "$build/bin/e2e_relay_test" --gtest_filter=Outage.WhatIsScrapedWhileReceiversAreAwayArrivesLater
