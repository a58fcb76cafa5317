#!/usr/bin/env bash
# How long a decision takes as fleets grow: bench/placement/speed.sh FOLDER [SEED [COPIES [POLICIES]]]. Nodes: the trace's 1,213
# so many times over (1,17), with its pods; then instances on as many nodes of eight H100.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-${TESSERA_OPENB:-}}
seed=${2:-42}
copies=${3:-1,17}
policies=${4:-bestfit,fgd,default}
bin=$root/build/release/bin
if [ -z "$folder" ]; then
  echo "speed: skipped: no folder with the trace is named (bench/placement/speed.sh FOLDER, or TESSERA_OPENB)"
  exit 0
fi
pods=$folder/openb_pod_list_default.csv
printf 'Seed %s; microseconds of CPU time of a decision, of which about 1.5 are the clock itself.\n\n' "$seed"
echo '| policy | nodes | mean | median | 99th percentile | MiB of the process |'
echo '| --- | --- | --- | --- | --- | --- |'
for policy in ${policies//,/ }; do
  for times in ${copies//,/ }; do
    "$bin/placement_bench" --nodes "$folder/openb_node_list_gpu_node.csv" --pods "$pods" --policy "$policy" --seeds "$seed" \
      --copies "$times" --summary |
      awk -F, -v nodes=$((1213 * times)) 'NR > 1 { printf "| `%s` | %d | %.1f | %.1f | %.1f | %s |\n", $1, nodes, $9, $10, $11, $12 }'
  done
done
printf '\nInstances, policy default, mapping memory, load 0.9 of the trace'"'"'s pods, as often as there are copies\n\n'
echo '| devices | copies of the pods | mean | 99th percentile |'
echo '| --- | --- | --- | --- |'
for times in ${copies//,/ }; do
  devices=$((9704 * times))
  "$bin/placement_mig_bench" --pods "$pods" --policy default --seeds "$seed" --mapping memory --load 0.9 --copies "$times" \
    --devices "$devices" | awk -F, -v devices="$devices" -v times="$times" '
      NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
      NR > 1 { printf "| %s | %s | %s | %s |\n", devices, times, $column["mean_us"], $column["p99_us"] }'
done
