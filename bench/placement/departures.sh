#!/usr/bin/env bash
# Placement policies on a fleet that pods leave, on the Alibaba GPU trace of 2023: bench/placement/departures.sh FOLDER [SEEDS
# [LOADS [POLICIES [TRACES [ARRIVALS]]]]]. Seconds that pods wait, by kind; its table belongs into docs/placement.md.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-${TESSERA_OPENB:-}}
seeds=${2:-42-46}
loads=${3:-0.9,0.95,1.0}
bench=$root/build/release/bin/placement_bench
policies=${4:-$("$bench" --policies | tr '\n' ',')}
traces=${5:-default}
arrivals=${6:-1000000}
if [ -z "$folder" ]; then
  echo "placement_departures: skipped: no folder with the trace is named (bench/placement/departures.sh FOLDER, or TESSERA_OPENB)"
  exit 0
fi
printf 'Seeds %s; of equally good nodes the first in a random order of the seed wins.\n' "$seeds"
for trace in ${traces//,/ }; do
  for load in ${loads//,/ }; do
    printf '\nTrace %s, load %s; means of the seeds\n\n' "$trace" "$load"
    echo '| policy | served at once, % | wait, s | 99th percentile, s | of several GPUs, s | of a whole GPU, s | of a part, s | unserved | GPU in use, % |'
    echo '| --- | --- | --- | --- | --- | --- | --- | --- | --- |'
    for policy in ${policies//,/ }; do
      "$bench" --nodes "$folder/openb_node_list_gpu_node.csv" --pods "$folder/openb_pod_list_$trace.csv" --policy "$policy" \
        --seeds "$seeds" --load "$load" --arrivals "$arrivals" | awk -F, 'NR > 1 { n++; for (i = 5; i <= 12; i++) sum[i] += $i; policy = $1 }
          END { printf "| `%s` | %.2f | %.1f | %.0f | %.0f | %.1f | %.1f | %.0f | %.2f |\n", policy, sum[5] / n, sum[6] / n, sum[7] / n, sum[8] / n, sum[9] / n, sum[10] / n, sum[11] / n, sum[12] / n }'
    done
  done
done
