#!/usr/bin/env bash
# The fleet server beside Prometheus and VictoriaMetrics as receivers, and under whole fleets:
# bench/server.sh [PARTS [FLEETS [SECONDS]]]. Its tables belong into docs/performance.md. PARTS of ingest,fleet; FLEETS in
# nodes of 8 GPUs (100,1000,10000); SECONDS that each is asked for (90). The short form is bench/server.sh ingest,fleet 100 30.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
export TESSERA_PEERS=${TESSERA_PEERS:-$root/build/peers}
exec "$root/build/release/bin/server_bench" "$@"
