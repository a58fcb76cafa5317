#include "sim/yaml.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>

#include "sim/units.h"

namespace tessera::sim {
namespace {

std::string describe(const YAML::Node& node) {
  if (!node.IsDefined() || node.IsNull()) return "nothing";
  if (node.IsMap()) return "a map";
  if (node.IsSequence()) return "a list";
  constexpr std::size_t kShown = 60;
  const std::string& text = node.Scalar();
  return "'" + (text.size() > kShown ? text.substr(0, kShown) + "…" : text) + "'";
}

int line_of(const YAML::Node& node, int otherwise) {
  const YAML::Mark mark = node.Mark();
  return mark.is_null() ? otherwise : mark.line + 1;
}

}  // namespace

Yaml Yaml::load(std::string_view text, const std::string& file) {
  try {
    return {std::make_shared<const YAML::Node>(YAML::Load(std::string(text))), "", 1, file};
  } catch (const YAML::Exception& error) {
    throw ScenarioError(
        fmt::format("{}:{}: YAML expected: {}", file, error.mark.is_null() ? 1 : error.mark.line + 1, error.msg));
  }
}

Yaml Yaml::child(const YAML::Node& node, std::string path) const {
  return {std::make_shared<const YAML::Node>(node), std::move(path), line_of(node, line_), *file_};
}

bool Yaml::is_map() const { return node_->IsMap(); }
bool Yaml::is_null() const { return !node_->IsDefined() || node_->IsNull(); }

std::string Yaml::scalar() const { return node_->IsScalar() ? node_->Scalar() : ""; }

void Yaml::refuse(const std::string& expected) const {
  throw ScenarioError(fmt::format("{}:{}: {}: {} expected, found {}", *file_, line_, path_.empty() ? "file" : path_,
                                  expected, describe(*node_)));
}

const Yaml& Yaml::expect_map(std::initializer_list<std::string_view> keys) const {
  if (!node_->IsMap()) refuse(fmt::format("a map with {}", fmt::join(keys, ", ")));
  for (const auto& entry : *node_) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
    if (std::ranges::find(keys, key) == keys.end())
      throw ScenarioError(fmt::format("{}:{}: {}: unknown key {}; expected one of {}", *file_,
                                      line_of(entry.first, line_), path_.empty() ? "file" : path_,
                                      describe(entry.first), fmt::join(keys, ", ")));
  }
  return *this;
}

std::optional<Yaml> Yaml::find(const char* key) const {
  const YAML::Node value = (*node_)[key];
  if (!value.IsDefined()) return std::nullopt;
  return child(value, path_.empty() ? key : path_ + "." + key);
}

Yaml Yaml::at(const char* key) const {
  if (auto child = find(key)) return *child;
  throw ScenarioError(
      fmt::format("{}:{}: {}: key '{}' expected, it is missing", *file_, line_, path_.empty() ? "file" : path_, key));
}

void Yaml::each(std::size_t most, const std::function<void(const Yaml&)>& item) const {
  if (!node_->IsSequence()) refuse("a list");
  if (node_->size() > most) refuse(fmt::format("a list of at most {} entries", most));
  for (std::size_t i = 0; i < node_->size(); ++i) {
    item(child((*node_)[i], fmt::format("{}[{}]", path_, i)));
  }
}

std::string Yaml::text() const {
  if (!node_->IsScalar() || node_->Scalar().empty()) refuse("a text");
  return node_->Scalar();
}

double Yaml::number(double low, double high) const {
  const auto value = parse_number(scalar());
  if (!value || *value < low || *value > high) refuse(fmt::format("a number from {} to {}", low, high));
  return *value;
}

std::uint64_t Yaml::whole(std::uint64_t low, std::uint64_t high) const {
  std::uint64_t value = 0;
  const std::string digits = scalar();
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || value < low || value > high)
    refuse(fmt::format("a whole number from {} to {}", low, high));
  return value;
}

bool Yaml::flag() const {
  const std::string word = scalar();
  if (word != "true" && word != "false") refuse("true or false");
  return word == "true";
}

double Yaml::seconds(double low) const {
  const auto value = parse_seconds(scalar());
  if (!value) refuse("a duration such as 90s or 1h30m");
  if (*value < low) refuse(fmt::format("a duration of at least {} s", low));
  return *value;
}

std::uint64_t Yaml::bytes() const {
  const auto value = parse_bytes(scalar());
  if (!value) refuse("a size such as 12GiB or 512MiB");
  return *value;
}

std::string Yaml::one_of(std::initializer_list<std::string_view> words) const {
  const std::string word = scalar();
  if (std::ranges::find(words, word) == words.end()) refuse(fmt::format("one of {}", fmt::join(words, ", ")));
  return word;
}

}  // namespace tessera::sim
