#!/usr/bin/env bash
# Whether advice still says of a published trace what docs/advice.md tells: bench/advice/replayed.sh REPLAY, the program.
# TESSERA_POD_USAGE names the folder with the trace; it is no part of this project, and without it the test is skipped
# (77).
set -euo pipefail
replay=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
if [ -z "${TESSERA_POD_USAGE:-}" ]; then
  echo "SKIPPED: TESSERA_POD_USAGE does not name a folder with the trace (see docs/advice.md)"
  exit 77
fi
said=$(mktemp)
trap 'rm "$said"' EXIT
failed=0
expect() {
  grep -qxF "$1" "$said" && return
  echo "$scale: '$1' is not said, but:"
  cat "$said"
  failed=1
}
for scale in 1 0.5 0.25; do
  TESSERA_ADVICE_REPLAY=$replay "$root/bench/advice.sh" "$TESSERA_POD_USAGE" --time-scale "$scale" >"$said"
  expect "| none | | | | | |"
  # As docs/advice.md has it: a mean below 5 % would name so many.
  [ "$scale" = 1 ] || continue
  while IFS= read -r row; do expect "$row"; done < <(
    sed -n '/^| pods | |$/,/^$/p' "$root/docs/advice.md" | grep -v '^$'
  )
done
[ "$failed" = 0 ] && echo "nothing is said of any pod, and the counts are those of docs/advice.md"
exit "$failed"
