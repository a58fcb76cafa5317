#!/usr/bin/env bash
# A hundred kill -9 of the server at random times while samples come in; then every sample is counted once.
# server_kills.sh [KILLS [SEED]]; TESSERA_BUILD names another build than build/release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export TESSERA_KILLS=${1:-100} TESSERA_KILL_SEED=${2:-$RANDOM}
build=${TESSERA_BUILD:-$PWD/build/release}
[ -x "$build/bin/e2e_server_test" ] || { echo "server_kills: no $build/bin/e2e_server_test: build e2e_tests" >&2; exit 1; }
echo "server_kills: $TESSERA_KILLS kills, seed $TESSERA_KILL_SEED"
exec "$build/bin/e2e_server_test" --gtest_filter=Kills.LoseNothingAndCountNothingTwice
