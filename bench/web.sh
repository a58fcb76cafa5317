#!/usr/bin/env bash
# The dashboard in a slowed browser: bench/web.sh [MINUTES]. Its lines belong into docs/performance.md. MINUTES of updates, for the heap (0: none).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root/web"
TESSERA_BIN=$root/build/release/bin exec node tools/bench.mjs "$@"
