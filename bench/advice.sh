#!/usr/bin/env bash
# Advice about pods of a published trace: bench/advice.sh FOLDER [--time-scale 0.5]. FOLDER (or TESSERA_POD_USAGE) has pod_gpu_duty_cycle_anon.csv.gz
# and pod_gpu_memory_used_bytes_anon.csv.gz (github.com/alibaba/clusterdata, cluster-trace-v2026-GenAI). What it says
# belongs into docs/advice.md.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-${TESSERA_POD_USAGE:-}}
[ $# = 0 ] || shift
replay=${TESSERA_ADVICE_REPLAY:-$root/build/release/bin/advice_replay}
if [ -z "$folder" ]; then
  echo "advice: skipped: no folder with a trace is named (bench/advice.sh FOLDER, or TESSERA_POD_USAGE)"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
gzip -dc "$folder/pod_gpu_duty_cycle_anon.csv.gz" >"$work/busy.csv"
gzip -dc "$folder/pod_gpu_memory_used_bytes_anon.csv.gz" >"$work/memory.csv"
"$replay" --busy "$work/busy.csv" --memory "$work/memory.csv" "$@"
