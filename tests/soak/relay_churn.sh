#!/usr/bin/env bash
# Targets that appear, change and vanish for five minutes, then every page they served is compared with two stores.
# relay_churn.sh [SECONDS [TARGETS [SEED]]]; TESSERA_BUILD names another build than build/release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export TESSERA_PEERS=${TESSERA_PEERS:-$PWD/build/peers}
export TESSERA_CHURN_SECONDS=${1:-300} TESSERA_CHURN_TARGETS=${2:-12} TESSERA_CHURN_SEED=${3:-$RANDOM}
build=${TESSERA_BUILD:-$PWD/build/release}
[ -x "$build/bin/e2e_relay_test" ] || { echo "relay_churn: no $build/bin/e2e_relay_test: build e2e_tests" >&2; exit 1; }
echo "relay_churn: $TESSERA_CHURN_SECONDS s, $TESSERA_CHURN_TARGETS targets, seed $TESSERA_CHURN_SEED"
exec "$build/bin/e2e_relay_test" --gtest_filter=Churn.EveryPageIsThereWholeAndEverySeriesEnds
