#!/usr/bin/env bash
# Placement policies on the pods and nodes of the Alibaba GPU trace of 2023: bench/placement/allocation.sh FOLDER [SEEDS [POLICIES [TRACES]]].
# FOLDER (or TESSERA_OPENB) has openb_node_list_gpu_node.csv, openb_pod_list_*.csv and, to compare with, fgd_published.csv; it
# is no part of this project. SEEDS 42-51, POLICIES and TRACES (default,gpuspec25) all. Its tables belong into docs/placement.md.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-${TESSERA_OPENB:-}}
seeds=${2:-42-51}
bench=$root/build/release/bin/placement_bench
if [ -z "$folder" ]; then
  echo "placement: skipped: no folder with the trace is named (bench/placement/allocation.sh FOLDER, or TESSERA_OPENB)"
  exit 0
fi
nodes=$folder/openb_node_list_gpu_node.csv
policies=${3:-$("$bench" --policies | tr '\n' ',')}
traces=${4:-$(cd "$folder" && ls openb_pod_list_*.csv | sed 's/openb_pod_list_//; s/\.csv//' | tr '\n' ',')}
results=$(mktemp)
trap 'rm "$results"' EXIT

for trace in ${traces//,/ }; do
  for policy in ${policies//,/ }; do
    "$bench" --nodes "$nodes" --pods "$folder/openb_pod_list_$trace.csv" --policy "$policy" --seeds "$seeds" --summary |
      sed "1d; s/openb_pod_list_//" >>"$results"
  done
done

# table COLUMN TITLE: the mean of a column of the summaries, a row for each trace and a column for each policy.
table() {
  printf '\n%s\n\n' "$2"
  awk -F, -v column="$1" -v digits="${3:-2}" '
    !($1 in policy) { policy[$1]; policies[++p] = $1 }
    !($2 in trace) { trace[$2]; traces[++t] = $2 }
    $column != "" { n[$1, $2]++; sum[$1, $2] += $column; squares[$1, $2] += $column ^ 2 }
    END {
      printf "| trace |"; for (i = 1; i <= p; i++) printf " %s |", policies[i]
      printf "\n| --- |"; for (i = 1; i <= p; i++) printf " --- |"
      for (j = 1; j <= t; j++) {
        printf "\n| %s |", traces[j]
        for (i = 1; i <= p; i++) {
          count = n[policies[i], traces[j]]
          if (!count) { printf " – |"; continue }
          mean = sum[policies[i], traces[j]] / count
          spread = squares[policies[i], traces[j]] / count - mean ^ 2
          printf " %." digits "f (%." digits "f) |", mean, sqrt(spread > 0 ? spread : 0)
        }
      }
      print ""
    }' "$results"
}

printf 'Seeds %s; of equally good nodes the first in a random order of the seed wins.\n' "$seeds"
table 5 "GPU allocated, percent of the fleet, at 100 % arrived: mean (standard deviation)"
table 4 "The same at 95 % arrived"
table 6 "The same at 130 % arrived"
table 7 "Accepted part of the pods with several GPUs, up to 100 % arrived" 3
table 8 "Accepted part of the pods without GPU, up to 100 % arrived" 3
table 9 "Microseconds of CPU time for a decision: mean"
table 11 "Microseconds of CPU time for a decision: 99th percentile"

[ -r "$folder/fgd_published.csv" ] || exit 0
printf '\nDistance from the published mean at 100 %% arrived, percent of the fleet\n\n| trace | policy | here | published | distance |\n| --- | --- | --- | --- | --- |\n'
awk -F, '
  FNR == NR { if ($3 == 100) published[tolower($2), $1] = $5; next }
  { n[$1, $2]++; sum[$1, $2] += $5; if (n[$1, $2] == 1) { policy[++rows] = $1; trace[rows] = $2 } }
  END {
    for (i = 1; i <= rows; i++) {
      key = policy[i] SUBSEP trace[i]
      if (!(key in published)) continue
      printf "| %s | %s | %.2f | %.2f | %+.2f |\n", trace[i], policy[i], sum[key] / n[key], published[key], sum[key] / n[key] - published[key]
    }
  }' "$folder/fgd_published.csv" "$results"
