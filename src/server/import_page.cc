#include "server/import_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "base/text.h"
#include "wire/request_writer.h"

namespace tessera::server {
namespace {

class Collector final : public metrics::PageReader {
 public:
  Collector(const PageContext& context, const IntakeLimits& limits) : context_(context), limits_(limits) {}

  void sample(const metrics::Sample& sample) override {
    wrong_ = check(sample);
    if (wrong_) return;
    ++samples_;
    // Families come in one piece, so most lines name the metric of the line before.
    if (!metric_ || name_ != sample.name) {
      const auto [known, fresh] = metrics_.try_emplace(std::string(sample.name));
      if (fresh) known->second = writer_.metric(sample.name, metrics::Kind::Unknown, {}, {});
      name_ = sample.name;
      metric_ = known->second;
    }
    writer_.sample(*metric_, writer_.labels(labels_), sample.value, sample.time.value_or(context_.time));
  }

  /// What is wrong with the line that was read last, for the limits and not for the grammar.
  const std::optional<std::string>& wrong() const { return wrong_; }
  std::string_view finish() { return writer_.finish(); }

 private:
  /// Leaves the labels of the series in `labels_`.
  std::optional<std::string> check(const metrics::Sample& sample) {
    if (samples_ == limits_.samples) return fmt::format("more than {} samples in one page", limits_.samples);
    labels_.clear();
    for (const metrics::Label& label : sample.labels)
      if (!label.value.empty() && !is_given(label.name)) labels_.push_back(label);
    for (const wire::Label& label : context_.labels) labels_.push_back({label.name, label.value});
    std::ranges::sort(labels_, {}, &metrics::Label::name);
    if (labels_.size() + 1 > limits_.labels)
      return fmt::format("{} labels with the name: at most {}", labels_.size() + 1, limits_.labels);
    if (sample.name.size() > limits_.label_value_bytes)
      return fmt::format("a name of {} bytes: at most {}", sample.name.size(), limits_.label_value_bytes);
    for (const metrics::Label& label : labels_) {
      if (!is_label_name(label.name))
        return fmt::format("label name '{}': letters, digits and _ expected", label.name.substr(0, 200));
      if (label.name.size() > limits_.label_name_bytes || label.value.size() > limits_.label_value_bytes)
        return fmt::format("label {} has a name of {} bytes and a value of {}: at most {} and {}",
                           label.name.substr(0, 200), label.name.size(), label.value.size(), limits_.label_name_bytes,
                           limits_.label_value_bytes);
    }
    return std::nullopt;
  }

  bool is_given(std::string_view name) const {
    return std::ranges::find(context_.labels, name, &wire::Label::name) != context_.labels.end();
  }

  const PageContext& context_;
  const IntakeLimits& limits_;
  wire::RequestWriter writer_{wire::Protocol::V1};
  std::unordered_map<std::string, wire::MetricRef> metrics_;
  std::string name_;
  std::optional<wire::MetricRef> metric_;
  std::vector<metrics::Label> labels_;
  std::size_t samples_ = 0;
  std::optional<std::string> wrong_;
};

}  // namespace

metrics::Format format_of(std::string_view page) {
  return trim(page.substr(page.size() - std::min<std::size_t>(page.size(), 16))).ends_with("# EOF")
             ? metrics::Format::OpenMetrics
             : metrics::Format::Text;
}

Result<std::string> page_message(std::string_view page, const PageContext& context, const IntakeLimits& limits) {
  Collector collector(context, limits);
  metrics::PageParser parser(context.format, collector);
  std::size_t number = 0;
  while (!page.empty()) {
    const std::size_t end = std::min(page.find('\n'), page.size());
    std::string_view line = page.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);  // an editor's, or a terminal's
    ++number;
    TRY(parser.line(line));
    if (collector.wrong()) return fail(Code::Invalid, "line {}, column 1: {}", number, *collector.wrong());
    page.remove_prefix(std::min(end + 1, page.size()));
  }
  TRY(parser.end());
  return std::string(collector.finish());
}

}  // namespace tessera::server
