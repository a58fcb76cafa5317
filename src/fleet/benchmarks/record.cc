// What a record may say, which run it is of, and what it does to those that are known.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "fleet/benchmarks/benchmark.h"
#include "fleet/name_key.h"

namespace tessera::fleet::benchmarks {
namespace {

// Of what is reckoned from them nothing leaves the range of a double.
constexpr double kLeast = 1e-30, kMost = 1e30;

bool is_amount(double value) { return value >= kLeast && value <= kMost; }

auto run_of(const Record& one) {
  return std::tie(one.name, one.version, one.model, one.driver, one.unit, one.better, one.source, one.time);
}

Result<void> check_text(std::string_view member, const std::string& text) {
  constexpr std::size_t kLongest = 200;
  if (text.size() > kLongest) return fail(Code::Invalid, "{}: {} bytes at most expected", member, kLongest);
  if (!is_utf8(text) || text.find('\0') != std::string::npos)
    return fail(Code::Invalid, "{}: a text in UTF-8 without zero bytes expected", member);
  if (trim(text).size() != text.size()) return fail(Code::Invalid, "{}: no blanks around it expected", member);
  return {};
}

}  // namespace

std::string_view better_name(Better better) { return better == Better::Higher ? "higher" : "lower"; }

std::optional<Better> better_named(std::string_view name) {
  if (name == "higher") return Better::Higher;
  if (name == "lower") return Better::Lower;
  return std::nullopt;
}

Result<void> check(const Record& record, EpochMs latest) {
  const std::pair<const char*, const std::string&> texts[] = {{"model", record.model}, {"driver", record.driver},
                                                              {"name", record.name},   {"version", record.version},
                                                              {"unit", record.unit},   {"source", record.source}};
  for (const auto& [member, text] : texts) TRY(check_text(member, text));
  for (const auto& [member, text] : {texts[0], texts[2], texts[4]})
    if (text.empty()) return fail(Code::Invalid, "{}: a text expected", member);
  if (!is_amount(record.value)) return fail(Code::Invalid, "value: a number above 0 expected, up to {}", kMost);
  if (record.watts && !is_amount(*record.watts))
    return fail(Code::Invalid, "watts: a number above 0 expected, up to {}, or nothing", kMost);
  if (record.time <= 0) return fail(Code::Invalid, "time: a time after 1970 expected, as 2026-01-31T12:00:00Z");
  if (record.time > latest) return fail(Code::Invalid, "time: {} has not come yet", format_time(record.time));
  return {};
}

bool is_same_run(const Record& a, const Record& b) { return run_of(a) == run_of(b); }

std::string id_of(const Record& of) {
  std::string run;
  for (const std::string& one : {of.name, of.version, of.model, of.driver, of.unit, of.source}) run += one + '\0';
  const NameKey key = fleet::key_of(fmt::format("{}{}{}", run, better_name(of.better), of.time));
  return fmt::format("{:016x}{:016x}", key.high, key.low);
}

Merged merge(const std::vector<Record>& known, const std::vector<Record>& come) {
  const auto before = [](const Record* a, const Record* b) { return run_of(*a) < run_of(*b); };
  std::map<const Record*, const Record*, decltype(before)> counts(before), changed(before);  // by run
  for (const Record& one : known) counts.emplace(&one, &one);
  Merged out;
  for (const Record& one : come) {
    const auto [at, is_new] = counts.emplace(&one, &one);
    if (!is_new && at->second->value == one.value && at->second->watts == one.watts) {
      ++out.unchanged;
      continue;
    }
    ++(is_new ? out.added : out.corrected);
    at->second = &one;
    changed.insert_or_assign(&one, &one);
  }
  for (const auto& [run, one] : changed) out.changed.push_back(*one);
  return out;
}

}  // namespace tessera::fleet::benchmarks
