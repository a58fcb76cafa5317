#pragma once
// A finished page of metrics, in a form that is cheap to build and to write. Label sets are escaped once and shared by
// all points of a subject; a point is 16 bytes. Order of families and points is the order of adding.
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tessera::metrics {

enum class Type : std::uint8_t { Gauge, Counter, Untyped, Info };

/// What a family is. `name` is the name in the text format, with `_total` where a counter has it. Info families are
/// gauges with the constant value 1 in the text format.
struct Metric {
  std::string_view name;
  Type type;
  std::string_view
      unit;  ///< "seconds", "bytes", "ratio"…, empty for none: for docs; OpenMetrics UNIT only if the name ends in it
  std::string_view help;  ///< one sentence with the unit and the source
  /// Goes up and down, whatever `type` says: there are pages whose readers want it called a counter.
  bool is_gauge = false;
};

std::string_view type_name(Type type);  ///< for people: "counter", "gauge (info)"

/// Index of a label set in its page.
enum class LabelSet : std::uint32_t {};

/// Appends `name="value"` with the value made valid UTF-8 and escaped (\\, \", \n), after a comma if `out` is not
/// empty.
void append_label(std::string& out, std::string_view name, std::string_view value);

/// The inside of the braces: `a="1",b="2"`.
std::string label_text(std::initializer_list<std::pair<std::string_view, std::string_view>> labels);

class Page {
 public:
  struct Point {
    LabelSet labels;
    double value;
  };
  struct Family {
    const Metric* metric;  ///< outlives the page
    std::vector<Point> points;
  };

  /// `text` is the inside of the braces, already escaped (append_label); empty for none. It is copied.
  LabelSet labels(std::string_view text);
  /// Starts a family; points added next belong to it. Families without points are not written.
  /// The same name may not be started twice.
  void family(const Metric& metric);
  void add(LabelSet labels, double value);

  const std::vector<Family>& families() const { return families_; }
  std::string_view text(LabelSet labels) const { return label_sets_[static_cast<std::size_t>(labels)]; }
  std::size_t point_count() const;

 private:
  std::vector<std::string_view> label_sets_;          // into the pieces
  std::vector<std::unique_ptr<char[]>> text_pieces_;  // a few large ones, not one for each label set
  std::span<char> room_;                              // what is left of the last piece
  std::vector<Family> families_;
};

/// Prometheus text format 0.0.4. Values are the shortest digits that read back exactly; whole numbers have no point.
std::string write_text(const Page& page);

/// OpenMetrics 1.0 with `# EOF`. A counter whose name lacks `_total` is exposed as `unknown`; names stay as they are.
/// `_info` families whose values are all 1 have the type info.
std::string write_openmetrics(const Page& page);

inline constexpr std::string_view kTextContentType = "text/plain; version=0.0.4; charset=utf-8";
inline constexpr std::string_view kOpenMetricsContentType =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

}  // namespace tessera::metrics
