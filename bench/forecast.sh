#!/usr/bin/env bash
# Forecasts on published series: bench/forecast.sh FOLDER. FOLDER (or TESSERA_SERIES) has pairs of NAME-train.csv and
# NAME-test.csv, M4's wide CSV (github.com/Mcompetitions/M4-methods, Dataset), or tables with the columns hour, vc and
# gpus_running_mean, of which every series' last two days are held out. Its tables belong into docs/forecast.md.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-${TESSERA_SERIES:-}}
bench=$root/build/release/bin/forecast_bench
if [ -z "$folder" ]; then
  echo "forecast: skipped: no folder with series is named (bench/forecast.sh FOLDER, or TESSERA_SERIES)"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

# wide FILE NAME BACK: the table's series as wide CSV, the 48 hours that begin BACK hours before the end held out.
wide() {
  awk -F, -v name="$work/$2" -v back="$3" '
    NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
    { vc = $column["vc"]; value[vc, ++n[vc]] = $column["gpus_running_mean"] }
    END {
      print "V1" >(name "-train.csv"); print "V1" >(name "-test.csv")
      for (vc in n) {
        line = vc; for (t = 1; t <= n[vc] - back; t++) line = line "," value[vc, t]; print line >(name "-train.csv")
        line = vc; for (; t <= n[vc] - back + 48; t++) line = line "," value[vc, t]; print line >(name "-test.csv")
      }
    }' "$1"
}

for table in "$folder"/*_hourly.csv; do
  [ -e "$table" ] || continue
  for back in 48 96 144 192; do wide "$table" "$(basename "$table" .csv)-$back" "$back"; done
done
found=
for train in "$folder"/*-train.csv "$work"/*-train.csv; do
  [ -e "$train" ] || continue
  found=yes
  printf '\n%s\n\n' "$(basename "$train" -train.csv)"
  "$bench" --train "$train" --test "${train%-train.csv}-test.csv" --season 24 --horizon 48 --methods
done
[ -n "$found" ] || echo "forecast: skipped: $folder has no *-train.csv and no *_hourly.csv"
