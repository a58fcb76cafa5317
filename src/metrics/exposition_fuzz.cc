#include <bit>
#include <cassert>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <string>
#include <vector>

#include "metrics/parse.h"

// What parses is written back in the plainest form and parses to the same. The first byte picks format and rules.
namespace {
using namespace tessera::metrics;

struct Point {
  std::string name;
  std::vector<std::pair<std::string, std::string>> labels;
  std::uint64_t value;  // the bits, so that NaN equals itself
  std::optional<tessera::EpochMs> time;
  bool operator==(const Point&) const = default;
};

std::vector<std::pair<std::string, std::string>> copy(std::span<const Label> labels) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& label : labels) out.emplace_back(label.name, label.value);
  return out;
}

struct Keep : PageReader {
  void sample(const Sample& s) override {
    samples.push_back({std::string(s.name), copy(s.labels), std::bit_cast<std::uint64_t>(s.value), s.time});
    if (const auto& e = s.exemplar)
      exemplars.push_back({std::string(s.name), copy(e->labels), std::bit_cast<std::uint64_t>(e->value), e->time});
    has_exemplar.push_back(s.exemplar.has_value());
  }
  void help(std::string_view family, std::string_view text) override { helps.emplace_back(family, text); }
  std::vector<Point> samples;
  std::vector<bool> has_exemplar;
  std::vector<Point> exemplars;
  std::vector<std::pair<std::string, std::string>> helps;
};

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? std::string_view("\\n") : std::string_view(&c, 1);
  }
  return out + '"';
}

std::string braces(const std::string& name, const Point& point) {
  std::string out = "{" + (name.empty() ? "" : quote(name));
  for (const auto& [label, value] : point.labels)
    out += (out.size() > 1 ? "," : "") + quote(label) + "=" + quote(value);
  return out + "}";
}

std::string numbers(const Point& point, bool openmetrics) {
  std::string out = fmt::format(" {}", std::bit_cast<double>(point.value));
  if (!point.time) return out;
  if (!openmetrics) return out + fmt::format(" {}", *point.time);
  const auto ms = std::llabs(*point.time);
  return out + fmt::format(" {}{}.{:03}", *point.time < 0 ? "-" : "", ms / 1000, ms % 1000);
}

std::string write(const Keep& page, bool openmetrics) {
  std::string out;
  std::size_t exemplar = 0;
  for (const auto& [family, text] : page.helps) {
    out += fmt::format("# HELP {} ", quote(family));
    for (const char c : text) {
      if (c == '\\') out += '\\';
      out += c == '\n' ? std::string_view("\\n") : std::string_view(&c, 1);
    }
    out += '\n';
  }
  for (std::size_t i = 0; i < page.samples.size(); ++i) {
    const Point& point = page.samples[i];
    out += braces(point.name, point) + numbers(point, openmetrics);
    if (page.has_exemplar[i]) {
      const Point& found = page.exemplars[exemplar++];
      out += " # " + braces("", found) + numbers(found, openmetrics);
    }
    out += '\n';
  }
  return openmetrics ? out + "# EOF\n" : out;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool openmetrics = (data[0] & 1U) != 0;
  const Rules rules = (data[0] & 2U) != 0 ? Rules::Strict : Rules::Grammar;
  const auto parse = openmetrics ? parse_openmetrics : parse_text;
  const std::string_view page(reinterpret_cast<const char*>(data) + 1, size - 1);
  Keep first;
  if (!parse(page, first, rules)) return 0;
  Keep grammar;
  assert(parse(page, grammar, Rules::Grammar) && grammar.samples == first.samples);  // strict only ever refuses more
  Keep second;
  const auto again = parse(write(first, openmetrics), second, Rules::Grammar);
  assert(again);
  assert(second.samples == first.samples);
  assert(second.exemplars == first.exemplars && second.has_exemplar == first.has_exemplar);
  assert(second.helps == first.helps);
  return 0;
}
