#!/usr/bin/env bash
# The agent's benchmark, about 15 minutes: bench/agent.sh [MINUTES [SCRAPES]]. Its table belongs into docs/performance.md.
set -euo pipefail
exec "$(dirname "$0")/../build/release/bin/agent_bench" "$@"
