#include "kube/selector.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace tessera::kube {
namespace {

using Operator = Requirement::Operator;

constexpr std::size_t kMaxName = 63;
constexpr std::size_t kMaxPrefix = 253;

constexpr struct {
  std::string_view name;
  Operator op;
} kOperators[] = {{"In", Operator::In},
                  {"NotIn", Operator::NotIn},
                  {"Exists", Operator::Exists},
                  {"DoesNotExist", Operator::DoesNotExist}};

bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool is_word(char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; }

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName && is_alnum(text.front()) && is_alnum(text.back()) &&
         std::ranges::all_of(text, is_word);
}

bool is_key(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return is_name(text);
  const auto prefix = text.substr(0, slash);
  const bool good = !prefix.empty() && prefix.size() <= kMaxPrefix && is_alnum(prefix.front()) &&
                    is_alnum(prefix.back()) && std::ranges::all_of(prefix, is_word);
  return good && is_name(text.substr(slash + 1));
}

/// Reads a selector's text from left to right.
class Reader {
 public:
  explicit Reader(std::string_view text) : all_(text), rest_(text) {}

  Result<Selector> all() {
    Selector out;
    skip_blanks();
    if (rest_.empty()) return out;
    while (true) {
      out.push_back(TRY(one()));
      TRY(check(out.back()));
      if (rest_.empty()) return out;
      if (!take(",")) return expected("a comma");
    }
  }

 private:
  Result<Requirement> one() {
    Requirement out;
    const bool absent = take("!");
    out.key = word();
    if (absent || rest_.empty() || rest_.front() == ',') {
      out.op = absent ? Operator::DoesNotExist : Operator::Exists;
      return out;
    }
    if (take("!=")) {
      out.op = Operator::NotIn;
    } else if (!take("==") && !take("=")) {
      const std::string name = word();
      if (name != "in" && name != "notin") return expected("=, !=, in or notin");
      out.op = name == "in" ? Operator::In : Operator::NotIn;
      out.values = TRY(values());
      return out;
    }
    out.values.push_back(word());
    return out;
  }

  Result<std::vector<std::string>> values() {
    std::vector<std::string> out;
    if (!take("(")) return expected("'('");
    do out.push_back(word());
    while (take(","));
    if (!take(")")) return expected("')'");
    return out;
  }

  std::string word() {
    const auto end = std::ranges::find_if_not(rest_, [](char c) { return is_word(c) || c == '/'; });
    const auto length = static_cast<std::size_t>(end - rest_.begin());
    std::string out(rest_.substr(0, length));
    rest_.remove_prefix(length);
    skip_blanks();
    return out;
  }

  bool take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    skip_blanks();
    return true;
  }

  void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }

  Error expected(std::string_view what) const {
    return fail(Code::Invalid, "label selector '{}': expected {} at '{}'", valid_utf8(all_), what, valid_utf8(rest_));
  }

  std::string_view all_, rest_;
};

}  // namespace

std::optional<Operator> requirement_operator(std::string_view name) {
  const auto* row = std::ranges::find_if(kOperators, [&](const auto& one) { return one.name == name; });
  return row == std::end(kOperators) ? std::nullopt : std::optional(row->op);
}

Result<void> check(const Requirement& requirement) {
  if (!is_key(requirement.key))
    return fail(Code::Invalid, "'{}' is no label key of Kubernetes", valid_utf8(requirement.key));
  const bool takes_values = requirement.op == Operator::In || requirement.op == Operator::NotIn;
  if (takes_values && requirement.values.empty())
    return fail(Code::Invalid, "label '{}': In and NotIn need at least one value", requirement.key);
  if (!takes_values && !requirement.values.empty())
    return fail(Code::Invalid, "label '{}': Exists and DoesNotExist take no values", requirement.key);
  for (const auto& value : requirement.values)
    if (!value.empty() && !is_name(value))
      return fail(Code::Invalid, "label '{}': '{}' is no value that a label of Kubernetes can have", requirement.key,
                  valid_utf8(value));
  return {};
}

Result<Selector> parse_selector(std::string_view text) { return Reader(text).all(); }

std::string to_query(const Requirement& requirement) {
  switch (requirement.op) {
    case Operator::In:
      if (requirement.values.size() == 1) return requirement.key + "=" + requirement.values.front();
      return fmt::format("{} in ({})", requirement.key, fmt::join(requirement.values, ","));
    case Operator::NotIn:
      if (requirement.values.size() == 1) return requirement.key + "!=" + requirement.values.front();
      return fmt::format("{} notin ({})", requirement.key, fmt::join(requirement.values, ","));
    case Operator::Exists:
      return requirement.key;
    case Operator::DoesNotExist:
      return "!" + requirement.key;
  }
  return {};
}

std::string to_query(const Selector& selector) {
  std::string out;
  for (const Requirement& one : selector) out += (out.empty() ? "" : ",") + to_query(one);
  return out;
}

bool matches(const Requirement& requirement, const PodLabels& labels) {
  const auto at = labels.find(requirement.key);
  const bool there = at != labels.end();
  switch (requirement.op) {
    case Operator::In:
      return there && std::ranges::count(requirement.values, at->second) > 0;
    case Operator::NotIn:
      return !there || std::ranges::count(requirement.values, at->second) == 0;
    case Operator::Exists:
      return there;
    case Operator::DoesNotExist:
      return !there;
  }
  return false;
}

const Requirement* first_unmet(const Selector& selector, const PodLabels& labels) {
  const auto at = std::ranges::find_if(selector, [&](const Requirement& one) { return !matches(one, labels); });
  return at == selector.end() ? nullptr : &*at;
}

}  // namespace tessera::kube
