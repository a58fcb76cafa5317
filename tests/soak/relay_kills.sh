#!/usr/bin/env bash
# A hundred kill -9 of the relay at random times under load, then a page-by-page comparison.
# relay_kills.sh [KILLS [SEED]]; TESSERA_BUILD names another build than build/release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export TESSERA_PEERS=${TESSERA_PEERS:-$PWD/build/peers}
export TESSERA_KILLS=${1:-100} TESSERA_KILL_SEED=${2:-$RANDOM}
build=${TESSERA_BUILD:-$PWD/build/release}
[ -x "$build/bin/e2e_relay_test" ] || { echo "relay_kills: no $build/bin/e2e_relay_test: build e2e_tests" >&2; exit 1; }
echo "relay_kills: $TESSERA_KILLS kills, seed $TESSERA_KILL_SEED"
exec "$build/bin/e2e_relay_test" --gtest_filter=Outage.KillsUnderLoadCostOnlyTheirWindow
