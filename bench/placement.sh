#!/usr/bin/env bash
# The experiments of docs/placement.md, one after the other or one of them.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
experiments='allocation learned departures mig exact speed'
usage() {
  cat <<'END'
bench/placement.sh [FOLDER [EXPERIMENT [ARGUMENTS]]]

FOLDER (or TESSERA_OPENB) has the Alibaba GPU trace of 2023: openb_node_list_gpu_node.csv, openb_pod_list_*.csv and, to
compare with, fgd_published.csv; it is no part of this project, and without it all but "exact" are skipped. Lists have
commas between their items, seeds are A-B or one.

EXPERIMENT   ARGUMENTS, with what they are unless given
  allocation SEEDS (42-51) POLICIES (all) TRACES (all of the folder)
             GPU allocated at 95, 100 and 130 % arrived, accepted pods by kind, time of a decision, distance from what
             was published
  learned    SEEDS (42-44) TRACES (default)
             default, whose mix is learned from arrivals
  departures SEEDS (42-46) LOADS (0.9,0.95,1.0) POLICIES (all) TRACES (default) ARRIVALS (1000000)
             pods leave after the trace's durations: how long others wait
  mig        SEEDS (42-51) MAPPINGS (compute,memory) LOADS (1.0,1.5)
             the trace's pods as MIG instances, without moves and with 1 %
  exact      against an exhaustive search on small fleets; legal layouts against the published counts
  speed      SEED (42) COPIES (1,17) POLICIES (bestfit,fgd,default)
             time of a decision and memory, as fleets grow

Without EXPERIMENT all of them, in this order: hours. Each prints its seeds, its rule of ties and a table in Markdown.
END
}
case ${1:-} in -h | --help) usage; exit 0 ;; esac
folder=${1:-${TESSERA_OPENB:-}}
[ $# = 0 ] || shift
named=${1:-}
[ $# = 0 ] || shift
for experiment in ${named:-$experiments}; do
  case " $experiments " in *" $experiment "*) ;; *) usage >&2; exit 2 ;; esac
  printf '\n== %s ==\n' "$experiment"
  if [ "$experiment" = exact ]; then "$root/bench/placement/exact.sh"; else "$root/bench/placement/$experiment.sh" "$folder" "$@"; fi
done
