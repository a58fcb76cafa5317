#!/usr/bin/env bash
# The agent's benchmark, about 16 minutes: bench/agent.sh [--seconds N] [--scrapes N] [--parts NAME,...]; the short form,
# about 2 minutes, is bench/agent.sh --seconds 15 --scrapes 5000. Its table belongs into docs/performance.md.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
export TESSERA_PEERS=${TESSERA_PEERS:-$root/build/peers}
[ -x "$root/build/release/bin/agent_bench" ] || { echo "agent.sh: no build/release/bin/agent_bench: ./dev bench agent builds it" >&2; exit 1; }
exec "$root/build/release/bin/agent_bench" "$@"
