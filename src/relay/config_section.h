#pragma once
// Inside the room: a map of the settings file, read key by key. Keys are named in Prometheus' spelling
// (scrape_interval); in a section of the short language the same key is found as scrapeInterval.
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/yaml.h"
#include "relay/config.h"

namespace tessera::relay {

enum class Spelling { Snake, Camel };

std::string spelled(std::string_view snake, Spelling spelling);

/// A key of Prometheus that the relay does not follow.
struct Foreign {
  enum class Treatment {
    Refused,      ///< any value but nothing
    RefusedOn,    ///< any value but nothing, false and 0
    Ineffective,  ///< taken with a warning, because nothing that is sent depends on it
  };
  std::string_view key;
  Treatment treatment;
  std::string_view words;  ///< why, and what to do
};

/// What reading one file has at hand everywhere.
struct Reading {
  std::string file;
  std::filesystem::path folder;
  Environment environment;
  std::vector<std::string> warnings;
  std::vector<std::string> errors{};

  /// Of a part that is wrong: the others are read all the same, so that who mends the file knows of all.
  void note(const Result<void>& part) {
    if (!part) errors.push_back(part.error().what);
  }
};

class Section {
 public:
  Section(config::Node node, Spelling spelling, Reading& reading)
      : node_(std::move(node)), spelling_(spelling), reading_(&reading) {}

  /// Invalid where this is no map, for a foreign key that is refused, and for a key that is neither known nor foreign.
  Result<void> only(const std::vector<std::string_view>& known, const std::vector<Foreign>& foreign = {}) const;

  bool has(std::string_view key) const { return find(key).has_value(); }
  /// The value; nullopt where it is absent or null.
  std::optional<config::Node> find(std::string_view key) const;
  /// The section at a key, or nothing.
  std::optional<Section> below(std::string_view key) const;
  /// The sections of a list; none where it is absent.
  Result<std::vector<Section>> each(std::string_view key) const;
  /// Each section of a list, also after one that is wrong.
  void read_each(std::string_view key, const std::function<Result<void>(const Section&)>& read) const;

  // Each reads a value into a variable, which keeps its value where the key is absent or null.
  Result<void> read(std::string_view key, std::string& into) const;
  Result<void> read(std::string_view key, bool& into) const;
  Result<void> read(std::string_view key, Milliseconds& into) const;
  Result<void> read(std::string_view key, std::vector<std::string>& into) const;
  Result<void> read(std::string_view key, Secret& into) const;
  Result<void> read_at_least_one(std::string_view key, std::uint32_t& into) const;
  Result<void> read_period(std::string_view key, Milliseconds& into) const;                 ///< above 0
  Result<void> read_path(std::string_view key, std::string& into) const;                    ///< from the file's folder
  Result<void> read_limit(std::string_view key, std::optional<std::uint64_t>& into) const;  ///< 0: no limit
  Result<void> read_bytes(std::string_view key, std::optional<std::uint64_t>& into) const;  ///< "64MB"; 0: no limit

  /// An error about a key of this section, or about all of it where the key is absent.
  Error error(std::string_view key, std::string_view what) const;
  void warn(std::string_view key, std::string_view what) const;

  const config::Node& node() const { return node_; }
  Spelling spelling() const { return spelling_; }
  Reading& reading() const { return *reading_; }
  Place place() const { return {reading_->file, node_.line()}; }
  std::string spell(std::string_view key) const { return spelled(key, spelling_); }

 private:
  config::Node node_;
  Spelling spelling_;
  Reading* reading_;
};

}  // namespace tessera::relay
