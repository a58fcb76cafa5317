#include "fleet/cost/filter.h"

#include <algorithm>
#include <optional>
#include <string>

namespace tessera::fleet {
namespace {

enum class Op : std::uint8_t { Is, Contains, BeginsWith, EndsWith };

struct Operator {
  std::string_view text;
  Op op;
  bool negated;
};
// The longer before what it begins with.
constexpr Operator kOperators[] = {
    {"!<~:", Op::BeginsWith, true}, {"!~>:", Op::EndsWith, true}, {"<~:", Op::BeginsWith, false},
    {"~>:", Op::EndsWith, false},   {"!~:", Op::Contains, true},  {"~:", Op::Contains, false},
    {"!:", Op::Is, true},           {":", Op::Is, false},
};

constexpr int kMostDepth = 32;

bool holds(Op op, std::string_view has, std::string_view wanted) {
  switch (op) {
    case Op::Is:
      return has == wanted || (has.empty() && wanted == kNoCostValue);
    case Op::Contains:
      return has.find(wanted) != std::string_view::npos;
    case Op::BeginsWith:
      return has.starts_with(wanted);
    case Op::EndsWith:
      break;
  }
  return has.ends_with(wanted);
}

}  // namespace

/// A condition, or several of which all or any have to hold.
struct CostFilter::Node {
  std::vector<std::shared_ptr<const Node>> all, any;
  CostKey key = CostDimension::Cluster;
  Op op = Op::Is;
  bool negated = false;
  std::vector<std::string> values;  ///< empty: not a condition

  bool wants(const CostSubject& subject, const CostOwner* owner) const {
    const auto want = [&](const auto& one) { return one->wants(subject, owner); };
    if (!all.empty()) return std::ranges::all_of(all, want);
    if (!any.empty()) return std::ranges::any_of(any, want);
    const std::string_view has = cost_value(key, subject, owner);
    return negated != std::ranges::any_of(values, [&](const std::string& one) { return holds(op, has, one); });
  }
};

class FilterParser {
 public:
  FilterParser(std::string_view text, const OwnerRules& rules) : text_(text), rest_(text), rules_(rules) {}

  Result<CostFilter> parse() {
    CostFilter out;
    blanks();
    if (rest_.empty()) return out;
    out.root_ = TRY(any(0));
    if (!rest_.empty()) return wrong("'+' or '|' expected");
    return out;
  }

 private:
  using Node = std::shared_ptr<const CostFilter::Node>;

  Error wrong(std::string_view why) const {
    return fail(Code::Invalid, "filter '{}': {} at '{}'", text_, why, rest_.empty() ? "the end" : rest_);
  }

  void blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size())); }

  bool take(std::string_view what) {
    blanks();
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    blanks();
    return true;
  }

  Result<Node> any(int depth) {
    CostFilter::Node out;
    do out.any.push_back(TRY(all(depth)));
    while (take("|"));
    return out.any.size() == 1 ? out.any[0] : std::make_shared<const CostFilter::Node>(std::move(out));
  }

  Result<Node> all(int depth) {
    CostFilter::Node out;
    do out.all.push_back(TRY(one(depth)));
    while (take("+") || begins_condition());
    return out.all.size() == 1 ? out.all[0] : std::make_shared<const CostFilter::Node>(std::move(out));
  }

  /// A `+` of an address that nobody has encoded arrives as a blank.
  bool begins_condition() const { return !rest_.empty() && (rest_[0] == '(' || (rest_[0] >= 'a' && rest_[0] <= 'z')); }

  Result<Node> one(int depth) {
    if (depth >= kMostDepth) return wrong("too many parentheses");
    if (take("(")) {
      Node out = TRY(any(depth + 1));
      if (!take(")")) return wrong("')' expected");
      return out;
    }
    CostFilter::Node out;
    out.key = TRY(key());
    const auto* op = std::ranges::find_if(kOperators, [&](const Operator& known) { return take(known.text); });
    if (op == std::end(kOperators)) return wrong("an operator expected: ':', '!:', '~:', '<~:' or '~>:'");
    out.op = op->op;
    out.negated = op->negated;
    do out.values.push_back(TRY(value()));
    while (take(","));
    return std::make_shared<const CostFilter::Node>(std::move(out));
  }

  Result<CostKey> key() {
    if (take("label[")) return label();
    const std::size_t end = std::min(rest_.find_first_of(":!~<>+|()[\", "), rest_.size());
    const auto dimension = cost_dimension_named(rest_.substr(0, end));
    if (!dimension) return wrong("one of " + cost_dimension_names() + ", label[NAME] expected");
    rest_.remove_prefix(end);
    return CostKey(*dimension);
  }

  Result<CostKey> label() {
    const std::size_t end = rest_.find(']');
    if (end == std::string_view::npos) return wrong("a label's name and ']' expected");
    auto out = cost_label(rules_, rest_.substr(0, end));
    if (!out) return wrong(out.error().what);
    rest_.remove_prefix(end + 1);
    return out;
  }

  Result<std::string> value() {
    if (!rest_.starts_with('"')) return wrong("a value in double quotes expected");
    const std::size_t end = rest_.find('"', 1);
    if (end == std::string_view::npos) return wrong("a closing quote expected");
    std::string out(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    blanks();
    return out;
  }

  const std::string_view text_;
  std::string_view rest_;
  const OwnerRules& rules_;
};

CostFilter::CostFilter() = default;

Result<CostFilter> CostFilter::parse(std::string_view text, const OwnerRules& rules) {
  return FilterParser(text, rules).parse();
}

bool CostFilter::wants(const CostSubject& subject, const CostOwner* owner) const {
  return !root_ || root_->wants(subject, owner);
}

}  // namespace tessera::fleet
