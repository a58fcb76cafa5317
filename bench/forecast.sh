#!/usr/bin/env bash
# Forecasts on published series: bench/forecast.sh FOLDER. FOLDER (or TESSERA_SERIES) has public tables, which
# bench/forecast/cut.sh names and cuts, or pairs of NAME-train.csv and NAME-test.csv, M4's wide CSV. It prints a table of
# each set, then what belongs into docs/forecast.md: the table of all sets, the sets pooled, and the speed. It fails where
# the goal of speed is missed.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-${TESSERA_SERIES:-}}
bench=$root/build/release/bin/forecast_bench
if [ -z "$folder" ]; then
  echo "forecast: no series: no folder with them is named (bench/forecast.sh FOLDER, or TESSERA_SERIES)"
  exec "$bench" --speed
fi
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

"$root/bench/forecast/cut.sh" "$folder" "$work"
for file in "$folder"/*-train.csv "$folder"/*-test.csv; do
  [ ! -e "$file" ] || cp "$file" "$work"
done

# All sets of a half as one, each series once; total is a sum of others.
for half in a b; do
  for part in train test; do
    for file in "$work"/*-"$half-$part.csv"; do
      if [ -e "$file" ] && [[ $file != */total-* ]]; then tail -n +2 "$file"; fi
    done >"$work/lines"
    [ ! -s "$work/lines" ] || { echo V1 && cat "$work/lines"; } >"$work/pooled-$half-$part.csv"
  done
done

found=
for train in "$work"/*-train.csv; do
  [ -e "$train" ] || continue
  found=yes
  name=$(basename "$train" -train.csv)
  printf '\n%s: %d series\n\n' "$name" $(($(wc -l <"$train") - 1))
  "$bench" --train "$train" --test "${train%-train.csv}-test.csv" --season 24 --horizon 48 --methods |
    tee "$work/$name.table"
done
[ -n "$found" ] || echo "forecast: no series: $folder has none of the tables that bench/forecast/cut.sh names, and no *-train.csv"

# The column OWA of each set beside each other.
[ -z "$found" ] || awk -F' *[|] *' '
  FNR == 1 { name = FILENAME; sub(/.*\//, "", name); sub(/\.table$/, "", name); sets[++count] = name }
  FNR > 2 { if (!($2 in row)) { row[$2] = ++rows; method[rows] = $2 }; owa[row[$2], count] = $5 }
  END {
    line = "| method |"; rule = "| --- |"
    for (s = 1; s <= count; s++) { line = line " " sets[s] " |"; rule = rule " --- |" }
    printf "\nOWA\n\n%s\n%s\n", line, rule
    for (r = 1; r <= rows; r++) {
      line = "| " method[r] " |"
      for (s = 1; s <= count; s++) line = line " " owa[r, s] " |"
      print line
    }
  }' "$work"/*.table
echo
"$bench" --speed
