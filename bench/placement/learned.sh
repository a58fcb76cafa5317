#!/usr/bin/env bash
# Our own policy without the mix, which it learns of what arrives: bench/placement/learned.sh FOLDER [SEEDS [TRACES]].
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-${TESSERA_OPENB:-}}
seeds=${2:-42-44}
traces=${3:-default}
if [ -z "$folder" ]; then
  echo "learned: skipped: no folder with the trace is named (bench/placement/learned.sh FOLDER, or TESSERA_OPENB)"
  exit 0
fi
printf 'Seeds %s; of equally good nodes the first in a random order of the seed wins. The mix is learned from arrivals.\n\n' "$seeds"
echo '| trace | seed | allocated at 100 % arrived | at 95 % | pods with several GPUs accepted | pods without GPU accepted | µs for a decision |'
echo '| --- | --- | --- | --- | --- | --- | --- |'
for trace in ${traces//,/ }; do
  "$root/build/release/bin/placement_bench" --nodes "$folder/openb_node_list_gpu_node.csv" --pods "$folder/openb_pod_list_$trace.csv" \
    --policy default --seeds "$seeds" --learned --summary |
    awk -F, -v trace="$trace" 'NR > 1 { printf "| %s | %s | %.2f | %.2f | %.3f | %.3f | %.1f |\n", trace, $3, $5, $4, $7, $8, $9 }'
done
