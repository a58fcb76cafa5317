#!/usr/bin/env bash
# The relay beside its peers, about 30 minutes: bench/relay.sh [SECONDS [PROGRAMS [RUNS]]]. Its tables belong into
# docs/performance.md. SECONDS of each run (60), PROGRAMS of relay,prometheus,vmagent, RUNS of
# large,small,slow,outage,parser; the short form is bench/relay.sh 10 relay large,outage.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
export TESSERA_PEERS=${TESSERA_PEERS:-$root/build/peers}
exec "$root/build/release/bin/relay_bench" "$@"
