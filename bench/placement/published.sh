#!/usr/bin/env bash
# Whether the published experiment still comes out as it was published, on one trace and a few seeds, and our own policy
# beyond it: bench/placement/published.sh BENCH, the program. TESSERA_OPENB names the folder with the trace; it is no part
# of this project, and without it the test is skipped (77).
set -euo pipefail
bench=$1
folder=${TESSERA_OPENB:-}
seeds=42-44
if [ -z "$folder" ]; then
  echo "SKIPPED: TESSERA_OPENB does not name a folder with the trace (see docs/placement.md)"
  exit 77
fi
results=$(mktemp)
trap 'rm "$results"' EXIT
for policy in random dotprod clustering packing bestfit fgd default; do
  "$bench" --nodes "$folder/openb_node_list_gpu_node.csv" --pods "$folder/openb_pod_list_default.csv" --policy "$policy" \
    --seeds "$seeds" --summary | sed 1d >>"$results"
done
# Of the published means at 100 % arrived at most so far: 0.6 points of the fleet, BestFit and FGD 0.3.
awk -F, '
  FNR == NR { if ($1 == "default" && $3 == 100) published[tolower($2)] = $5; next }
  { n[$1]++; sum[$1] += $5 }
  END {
    published["default"] = 96.0
    for (policy in published) {
      if (!n[policy]) { printf "%s: nothing was measured\n", policy; failed = 1; continue }
      mean = sum[policy] / n[policy]
      distance = mean - published[policy]
      within = policy == "bestfit" || policy == "fgd" ? 0.3 : 0.6
      good = policy == "default" ? distance >= 0 : distance <= within && -distance <= within
      printf "%s: %.2f percent of the fleet, %s %.2f: %s\n", policy, mean, policy == "default" ? "goal" : "published", published[policy], good ? "good" : "TOO FAR"
      failed += !good
      rows++
    }
    if (rows != 7) { printf "%d of 7 policies compared\n", rows; failed = 1 }
    exit failed > 0
  }' "$folder/fgd_published.csv" "$results"
