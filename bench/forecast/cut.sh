#!/usr/bin/env bash
# Cuts published hourly tables into cases: bench/forecast/cut.sh FOLDER OUT. FOLDER has the tables as they are published,
# under their own names; what is not there is left out. OUT gets SET-a-train.csv and SET-a-test.csv, the wide CSV of the
# M4 competition, of the first half of each series' time, and SET-b-… of the second half: histories of b lie in b.
#
#   load          *_hourly.csv with the column Datetime      PJM, megawatts (github.com/panambY/Hourly_Energy_Consumption)
#   transformers  ETTh1.csv, ETTh2.csv                       ETT (github.com/zhouhaoyi/ETDataset)
#   bicycles      hour.csv                                   UCI "Bike Sharing"; an hour that is left out had none: 0
#   road          Metro_Interstate_Traffic_Volume.csv        UCI "Metro Interstate Traffic Volume"; up to six missing
#                                                            hours in a row are on the line between their neighbours
#   taxis         nyc_taxi.csv                               NAB (github.com/numenta/NAB), half hours added up
#   tweets        Twitter_volume_*.csv                       NAB, five minutes added up; too short for a second half
#   helios        helios_earth_vc_hourly.csv                 teams of a GPU cluster; one month: b are the later ends
#   total         the same                                   their sum, b alone
#
# Windows are spread evenly over a half, with histories of 700, 744 and 960 hours in turn; where an hour is missing the
# window moves on to where 48 hours more than its history are whole, and is left out where that is a fortnight away.
# shellcheck disable=SC2016  # what stands in single quotes is awk

set -euo pipefail
from=$1 out=$2

# Lines "series hour value" of tables in the arguments: what comes of a line of `cells` says $1.
lines() {
  local rule=$1
  shift
  awk -F, -v OFS=' ' '
    function civil(y, m, d) {
      if (m < 3) { y--; m += 12 }
      return 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + d
    }
    # 2016-07-01 00:00:00 or 02-10-2012 09:00
    function hour_of(text, part) {
      split(text, part, /[-: T]/)
      if (length(part[1]) == 4) return civil(part[1] + 0, part[2] + 0, part[3] + 0) * 24 + part[4]
      return civil(part[3] + 0, part[2] + 0, part[1] + 0) * 24 + part[4]
    }
    function say(series, hour, value) { print series, hour, value }
    { sub(/\r$/, "") }
    FNR == 1 { split("", column); for (i = 1; i <= NF; i++) { column[$i] = i; title[i] = $i }
               file = FILENAME; sub(/.*\//, "", file); sub(/\.csv$/, "", file); next }
    '"$rule" "$@"
}

# Cuts "series hour value" into the set NAME: windows a half, halves (2, or 1: all is a), how several values of an hour
# become one (add, or first), what a missing hour is (gap, 0, or line).
cut_windows() {
  awk -v name="$out/$1" -v windows="$2" -v halves="$3" -v several="$4" -v missing="$5" '
    function is_whole(series, start, end, t) {
      for (t = start; t < end; t++) if (!((series, t) in value)) return t
      return end
    }
    function join(series, begin, end, known, t, u) {
      for (t = known = begin; t < end; t++) {
        if (!((series, t) in value)) continue
        if (t - known <= 7) for (u = known + 1; u < t; u++)
          value[series, u] = value[series, known] + (value[series, t] - value[series, known]) * (u - known) / (t - known)
        known = t
      }
    }
    function cut(series, half, window, start, length_, t, line, whole) {
      whole = is_whole(series, start, start + length_ + 48)
      if (whole < start + length_ + 48) return whole + 1
      line = series "-" window
      for (t = start; t < start + length_; t++) line = line "," value[series, t]
      print line >(name "-" half "-train.csv")
      line = series "-" window
      for (; t < start + length_ + 48; t++) line = line "," value[series, t]
      print line >(name "-" half "-test.csv")
      return 0
    }
    function cut_half(series, half, begin, end, i, length_, start, limit, at) {
      for (i = 0; i < windows; i++) {
        length_ = i % 3 == 0 ? 700 : i % 3 == 1 ? 744 : 960
        if (end - begin < length_ + 48) length_ = 700
        if (end - begin < length_ + 48) return
        start = begin + int(i * (end - begin - length_ - 48) / (windows > 1 ? windows - 1 : 1))
        limit = start + 336
        while (start > 0 && start <= limit && start + length_ + 48 <= end) {
          at = cut(series, half, i, start, length_)
          if (at == 0) break
          start = at
        }
      }
    }
    !(($1, $2) in value) { value[$1, $2] = $3 + 0 }
    seen[$1, $2]++ && several == "add" { value[$1, $2] += $3 }
    !($1 in first) { first[$1] = last[$1] = $2; names[++count] = $1 }
    { if ($2 < first[$1]) first[$1] = $2; if ($2 > last[$1]) last[$1] = $2 }
    END {
      for (n = 1; n <= count; n++) {
        series = names[n]
        begin = first[series] + 0
        end = last[series] + 1
        if (missing == "line") join(series, begin, end)
        if (missing == "0") for (t = begin; t < end; t++) if (!((series, t) in value)) value[series, t] = 0
        if (n == 1) for (h = 1; h <= halves; h++) {
          print "V1" >(name "-" (h == 1 ? "a" : "b") "-train.csv")
          print "V1" >(name "-" (h == 1 ? "a" : "b") "-test.csv")
        }
        middle = halves == 2 ? begin + int((end - begin) / 2) : end
        cut_half(series, "a", begin, middle)
        if (halves == 2) cut_half(series, "b", middle, end)
      }
    }'
}

# A month of each team, cut at the hours in $3 and on, and of all together.
cut_helios() {
  awk -F, -v name="$out/$2" -v ends="$3" -v total="$4" '
    NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
    { vc = $column["vc"]; n[vc]++
      if (total == "yes") { sum[n[vc]] += $column["gpus_running_mean"] } else value[vc, n[vc]] = $column["gpus_running_mean"] }
    END {
      if (total == "yes") { most = 0; for (vc in n) if (n[vc] > most) most = n[vc]; split("", n); n["total"] = most; for (t in sum) value["total", t] = sum[t] }
      print "V1" >(name "-train.csv"); print "V1" >(name "-test.csv")
      many = split(ends, end, " ")
      for (vc in n) for (e = 1; e <= many; e++) {
        line = vc "-" end[e]; for (t = 1; t <= end[e]; t++) line = line "," value[vc, t]; print line >(name "-train.csv")
        line = vc "-" end[e]; for (; t <= end[e] + 48; t++) line = line "," value[vc, t]; print line >(name "-test.csv")
      }
    }' "$1"
}

loads=()
for table in "$from"/*_hourly.csv; do
  [ -e "$table" ] && [[ $(head -n 1 "$table") == Datetime,* ]] && loads+=("$table")
done
by_time='{ say(file, hour_of($column["Datetime"]), $2) }'
[ ${#loads[@]} -eq 0 ] || lines "$by_time" "${loads[@]}" | cut_windows load 16 2 first gap
[ ! -e "$from/ETTh1.csv" ] ||
  lines '{ for (i = 2; i <= NF; i++) say(file "-" title[i], hour_of($1), $i) }' "$from"/ETTh[12].csv |
  cut_windows transformers 8 2 first gap
[ ! -e "$from/hour.csv" ] ||
  lines '{ for (i = 1; i <= NF; i++) if (title[i] ~ /^(casual|registered|cnt)$/)
             say(title[i], hour_of($column["dteday"] " 00:00") + $column["hr"], $i) }' "$from/hour.csv" |
  cut_windows bicycles 20 2 first 0
[ ! -e "$from/Metro_Interstate_Traffic_Volume.csv" ] ||
  lines '{ say("road", hour_of($column["date_time"]), $column["traffic_volume"]) }' \
    "$from/Metro_Interstate_Traffic_Volume.csv" | cut_windows road 48 2 first line
[ ! -e "$from/nyc_taxi.csv" ] ||
  lines '{ say("taxis", hour_of($1), $2) }' "$from/nyc_taxi.csv" | cut_windows taxis 30 2 add gap
compgen -G "$from/Twitter_volume_*.csv" >/dev/null &&
  lines '{ say(file, hour_of($1), $2) }' "$from"/Twitter_volume_*.csv | cut_windows tweets 4 1 add gap
helios=$from/helios_earth_vc_hourly.csv
if [ -e "$helios" ]; then
  cut_helios "$helios" helios-a "504 552 600" no
  cut_helios "$helios" helios-b "648 696" no
  cut_helios "$helios" total-b "504 528 552 576 600 624 648 672 696" yes
fi
