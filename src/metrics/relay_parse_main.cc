// Says what the relay's parser reads on an exposition page: a line of JSON for each sample.
#include <fmt/core.h>

#include <cmath>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "metrics/parse.h"

namespace {

using nlohmann::ordered_json;  // labels stay in the page's order
using namespace tessera;

constexpr std::string_view kHelp =
    "usage: relay_parse --format text|openmetrics [--strict] < PAGE\n"
    "\n"
    "Reads a page of metrics from standard input as the relay reads a target's, and prints each sample as a line\n"
    "\n"
    "    {\"name\":NAME,\"labels\":{NAME:VALUE,...},\"value\":NUMBER,\n"
    "     \"timestamp\":MILLISECONDS,\"exemplar\":{\"labels\":{...},\"value\":NUMBER,\"timestamp\":MILLISECONDS}}\n"
    "\n"
    "without line feeds in it, and without timestamp and exemplar where the page has none. What JSON has no number "
    "for\n"
    "is one of the strings \"NaN\", \"+Inf\", \"-Inf\". The exit status is 0 only if the whole page can be read; else "
    "the\n"
    "samples before the error are printed, standard error says line, column and what was expected, and it is 1.\n"
    "\n"
    "  --format FORMAT  text (0.0.4) or openmetrics (1.0)\n"
    "  --strict         refuse also what Prometheus takes but the format's own page forbids\n"
    "  --help           this text\n"
    "  --version        the version\n";

ordered_json number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return value;
}

/// What a sample and an exemplar have in common.
void add(ordered_json& out, std::span<const metrics::Label> labels, double value, std::optional<EpochMs> time) {
  ordered_json& named = out["labels"] = ordered_json::object();
  for (const auto& label : labels) named[std::string(label.name)] = label.value;
  out["value"] = number(value);
  if (time) out["timestamp"] = *time;
}

class JsonLines : public metrics::PageReader {
 public:
  void sample(const metrics::Sample& sample) override {
    ordered_json line{{"name", sample.name}};
    add(line, sample.labels, sample.value, sample.time);
    if (sample.exemplar) add(line["exemplar"], sample.exemplar->labels, sample.exemplar->value, sample.exemplar->time);
    fmt::print("{}\n", line.dump());
  }
};

struct Wanted {
  std::optional<metrics::Format> format;
  metrics::Rules rules = metrics::Rules::Grammar;
};

int parse_standard_input(metrics::Format format, metrics::Rules rules) {
  const std::string page{std::istreambuf_iterator<char>(std::cin), {}};
  JsonLines lines;
  const auto parsed = metrics::parse(format, page, lines, rules);
  if (!parsed) fmt::print(stderr, "relay_parse: {}\n", parsed.error().what);
  return parsed ? 0 : 1;
}

int refuse_arguments(const std::string& what) {
  fmt::print(stderr, "relay_parse: {}\n\n{}", what, kHelp);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  Wanted wanted;
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    if (word == "--help" || word == "-h") return fmt::print("{}", kHelp), 0;
    if (word == "--version") return fmt::print("relay_parse {}\n", TESSERA_VERSION), 0;
    if (word == "--strict") {
      wanted.rules = metrics::Rules::Strict;
    } else if (word == "--format" || word.starts_with("--format=")) {
      const std::string_view name = word != "--format" ? word.substr(9) : ++i < argc ? argv[i] : "";
      if (name != "text" && name != "openmetrics")
        return refuse_arguments(fmt::format("--format '{}': text or openmetrics expected", name));
      wanted.format = name == "text" ? metrics::Format::Text : metrics::Format::OpenMetrics;
    } else {
      return refuse_arguments(fmt::format("unexpected argument '{}'; the page is read from standard input", word));
    }
  }
  if (!wanted.format) return refuse_arguments("--format is missing: text or openmetrics");
  return parse_standard_input(*wanted.format, wanted.rules);
}
