#pragma once
// What the formats' pages demand beyond the grammar: families in one piece, metadata first and once, the right names,
// labels and values for each kind, whole histograms. Prometheus checks none of it; a lint does.
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "metrics/parse.h"

namespace tessera::metrics {

/// One histogram as far as it was read.
struct HistogramSoFar {
  std::optional<double> bound;  ///< of the last bucket
  double value = 0;             ///< of the last bucket
  std::optional<double> count;
  bool has_sum = false;
  bool has_gauge_sum = false;
  bool negative_gauge_sum = false;
  bool negative_buckets = false;
};

/// The family whose lines are being read.
struct FamilySoFar {
  std::string name;
  std::optional<Kind> kind;
  bool has_help = false;
  std::optional<std::string> unit;
  bool has_samples = false;
  std::set<std::string> series;
  std::set<std::string> groups;
  std::optional<std::string> group;  ///< of the last sample
  std::optional<EpochMs> time;       ///< of the last sample
  std::optional<HistogramSoFar> histogram;
};

class StrictRules {
 public:
  explicit StrictRules(bool openmetrics) : openmetrics_(openmetrics) {}

  /// What is wrong with the line, or nothing. Lines come in the page's order; a line that closes a family is also told
  /// what is wrong with that family as a whole.
  using Complaint = std::optional<std::string>;
  Complaint type(std::string_view family, Kind kind);
  Complaint help(std::string_view family);
  Complaint unit(std::string_view family, std::string_view unit);
  Complaint sample(const Sample& sample);
  Complaint finish() { return close(); }

 private:
  Complaint metadata(std::string_view family);
  Complaint close();
  Complaint close_histogram() const;
  std::optional<std::string_view> suffix_of(std::string_view sample_name) const;
  Complaint check_labels(const Sample& sample, std::string_view suffix) const;
  Complaint check_value(const Sample& sample, std::string_view suffix) const;
  Complaint check_exemplar(const Sample& sample, std::string_view suffix) const;
  Complaint check_series(const Sample& sample);
  Complaint check_group(const Sample& sample, std::string_view suffix);
  Complaint check_histogram(const Sample& sample, std::string_view suffix);

  const bool openmetrics_;
  std::optional<FamilySoFar> family_;
  std::set<std::string, std::less<>> names_;  ///< of all closed families and of what their samples may be called
};

}  // namespace tessera::metrics
