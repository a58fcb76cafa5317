#include "fleet/alerts/track_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace tessera::fleet::alerts {
namespace {

/// What takes a line apart is written as \t, \n and \\.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    out += c == 't' ? '\t' : c == 'n' ? '\n' : c;
  }
  return out;
}

std::string time_text(std::optional<EpochMs> time) { return time ? std::to_string(*time) : "-"; }

/// Labels begin behind these.
constexpr std::size_t kWords = 10;

std::optional<Track> read_line(std::string_view line) {
  const auto words = split(line, '\t');
  if (words.size() < kWords || words.size() % 2 != 0) return std::nullopt;
  const auto phase = phase_named(words[1]);
  const auto since = parse_int(words[2]), last = parse_int(words[3]), fired = parse_int(words[4]);
  const auto clear = parse_int(words[5]), unseen = parse_int(words[6]);
  const auto value = parse_double(words[7]);
  if (!phase || !since || !last || !fired || !value) return std::nullopt;
  Subject subject{unescaped(words[8]), unescaped(words[9]), {}};
  for (std::size_t i = kWords; i < words.size(); i += 2)
    subject.labels.emplace_back(unescaped(words[i]), unescaped(words[i + 1]));
  return Track{unescaped(words[0]),
               std::make_shared<const Subject>(std::move(subject)),
               *phase,
               *since,
               *last,
               *fired,
               clear,
               unseen,
               *value};
}

}  // namespace

std::string tracks_text(const std::vector<Track>& tracks) {
  std::string out;
  for (const Track& one : tracks) {
    fmt::format_to(std::back_inserter(out), "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}", escaped(one.rule),
                   phase_name(one.phase), one.since, one.last, one.fired, time_text(one.clear_since),
                   time_text(one.unseen_since), one.value, escaped(one.subject->key), escaped(one.subject->beneath));
    if (!one.subject->labels.empty()) out += '\t' + labels_text(one.subject->labels);
    out += '\n';
  }
  return out;
}

std::vector<Track> read_tracks(std::string_view text) {
  std::vector<Track> out;
  for (const std::string_view line : split(text, '\n'))
    if (auto one = read_line(line)) out.push_back(*std::move(one));
  return out;
}

std::string labels_text(const LabelSet& labels) {
  std::string out;
  for (const auto& [name, value] : labels) out += (out.empty() ? "" : "\t") + escaped(name) + '\t' + escaped(value);
  return out;
}

LabelSet read_labels(std::string_view text) {
  LabelSet out;
  if (text.empty()) return out;
  const auto words = split(text, '\t');
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) out.emplace_back(unescaped(words[i]), unescaped(words[i + 1]));
  return out;
}

}  // namespace tessera::fleet::alerts
