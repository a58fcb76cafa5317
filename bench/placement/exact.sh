#!/usr/bin/env bash
# Small fleets against an exhaustive search that knows what comes, and counts of legal layouts against the published ones:
# bench/placement/exact.sh. They are tests, and need no trace.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
"$root/build/release/bin/decision_test" --gtest_filter='Exactness.*:DecisionProperty.*' --gtest_brief=1
"$root/build/release/bin/gpu_test" --gtest_filter='Layouts.*:RemainingCapacity.*' --gtest_brief=1
