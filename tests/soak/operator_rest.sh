#!/usr/bin/env bash
# The operator on a real control plane where nothing changes, for ten minutes: no write, and each watch read once a minute at most.
# operator_rest.sh [SECONDS]; TESSERA_BUILD names another build than build/release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export TESSERA_PEERS=${TESSERA_PEERS:-$PWD/build/peers}
export TESSERA_REST_SECONDS=${1:-600}
build=${TESSERA_BUILD:-$PWD/build/release}
[ -x "$build/bin/control_plane_test" ] || { echo "operator_rest: no $build/bin/control_plane_test: ./dev test-kube builds it" >&2; exit 1; }
exec "$build/bin/control_plane_test" --gtest_filter='ClusterOperator.AtRest*'
