#!/usr/bin/env bash
# MIG placement policies on the pods of the Alibaba GPU trace of 2023: bench/placement/mig.sh FOLDER [SEEDS [MAPPINGS [LOADS]]].
# For each mapping, each policy without and with moves of 1 %: at the trace's times on the fewest devices on which firstfit
# accepts 80 %, and as a Poisson process on 64 devices at LOADS (1.0,1.5).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-${TESSERA_OPENB:-}}
seeds=${2:-42-51}
mappings=${3:-compute,memory}
loads=${4:-1.0,1.5}
bench=$root/build/release/bin/placement_mig_bench
if [ -z "$folder" ]; then
  echo "placement_mig: skipped: no folder with the trace is named (bench/placement/mig.sh FOLDER, or TESSERA_OPENB)"
  exit 0
fi
pods=$folder/openb_pod_list_default.csv
printf 'Seeds %s; ties: the lower cost, then the first device, then the lower start.\n' "$seeds"

# table MAPPING DEVICES LOAD: a row for each policy, without and with moves.
table() {
  printf '\nMapping %s, %s devices, %s; the mean of the seeds\n\n' "$1" "$2" "$([ "$3" = 0 ] && echo "the trace's times" || echo "load $3")"
  echo '| policy | moves at most | accepted, % | of those of a whole device, % | of these blocked | memory slices accepted, % | devices in use | moves |'
  echo '| --- | --- | --- | --- | --- | --- | --- | --- |'
  for policy in firstfit bestfit fragmentation default; do
    for moves in 0 0.01; do
      "$bench" --pods "$pods" --policy "$policy" --seeds "$seeds" --mapping "$1" --devices "$2" --load "$3" --migrations "$moves" |
        awk -F, 'NR > 1 { n++; for (i = 8; i <= 13; i++) sum[i] += $i; policy = $1; moves = $6 }
          END { printf "| %s | %s | %.2f | %.2f | %.1f | %.2f | %.2f | %.1f |\n", policy, moves, sum[8] / n, sum[9] / n, sum[10] / n, sum[11] / n, sum[12] / n, sum[13] / n }'
    done
  done
}

for mapping in ${mappings//,/ }; do
  devices=$("$bench" --pods "$pods" --policy firstfit --seeds "$seeds" --mapping "$mapping" --accepted 80 | awk -F, 'NR == 2 { print $4 }')
  table "$mapping" "$devices" 0
  for load in ${loads//,/ }; do table "$mapping" 64 "$load"; done
done
