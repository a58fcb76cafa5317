#include "config/yaml.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "config/tree.h"

namespace tessera::config {
namespace {

constexpr std::size_t kMaxBytes = 4U << 20U;
constexpr std::size_t kShownValue = 60;  // of a wrong value, in an error

constexpr struct {
  std::string_view text;
  bool value;
} kFlags[] = {{"true", true}, {"false", false}, {"yes", true}, {"no", false}, {"on", true}, {"off", false}};

/// "name[0]" of a list, "name.key" of a map.
std::string below(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

std::string found(const Tree& tree) {
  switch (tree.kind) {
    case Tree::Kind::Null:
      return "nothing";
    case Tree::Kind::Map:
      return "a map";
    case Tree::Kind::List:
      return "a list";
    case Tree::Kind::Value:
      break;
  }
  const std::string shown = valid_utf8(std::string_view(tree.text).substr(0, kShownValue));
  return fmt::format("'{}'{}", shown, tree.text.size() > kShownValue ? "…" : "");
}

std::string listed(const std::vector<std::string_view>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
  const auto near = nearest(word, candidates);
  return near.empty() ? fmt::format("known are: {}", listed(candidates)) : fmt::format("did you mean '{}'?", near);
}

}  // namespace

Node::Node(std::shared_ptr<const std::string> file, std::shared_ptr<const Tree> tree, std::string path)
    : file_(std::move(file)), tree_(std::move(tree)), path_(std::move(path)) {}

Node Node::child(std::shared_ptr<const Tree> tree, std::string path) const {
  return {file_, std::move(tree), std::move(path)};
}

bool Node::is_null() const { return tree_->kind == Tree::Kind::Null; }
bool Node::is_map() const { return tree_->kind == Tree::Kind::Map; }
bool Node::is_list() const { return tree_->kind == Tree::Kind::List; }
int Node::line() const { return tree_->line; }
int Node::column() const { return tree_->column; }

Error Node::error(std::string_view what) const {
  return fail(Code::Invalid, "{}:{}:{}: {}{}{}", *file_, line(), column(), path_, path_.empty() ? "" : ": ", what);
}

Error Node::key_error(std::string_view key, std::string_view what) const {
  const auto at = std::ranges::find(tree_->children, key, &Tree::Child::key);
  if (!is_map() || at == tree_->children.end()) return error(what);
  return fail(Code::Invalid, "{}:{}:{}: {}: {}", *file_, at->key_line, at->key_column, below(path_, key), what);
}

Error Node::expected(std::string_view what) const {
  return error(fmt::format("expected {}, found {}", what, found(*tree_)));
}

Result<std::string> Node::text() const {
  if (tree_->kind != Tree::Kind::Value) return expected("text");
  return tree_->text;
}

Result<bool> Node::flag() const {
  if (tree_->kind == Tree::Kind::Value && !tree_->quoted)
    for (const auto& [text, value] : kFlags)
      if (lower(tree_->text) == text) return bool{value};
  return expected("true or false");
}

Result<std::int64_t> Node::integer(std::int64_t least, std::int64_t most) const {
  const auto value =
      tree_->kind == Tree::Kind::Value && !tree_->quoted ? parse_int(tree_->text) : std::optional<std::int64_t>();
  if (value && *value >= least && *value <= most) return std::int64_t{*value};
  const bool bounded = most != std::numeric_limits<std::int64_t>::max();
  if (least == std::numeric_limits<std::int64_t>::min() && !bounded) return expected("a whole number");
  return expected(bounded ? fmt::format("a whole number from {} to {}", least, most)
                          : fmt::format("a whole number of at least {}", least));
}

Result<double> Node::number(double least, double most) const {
  const auto value =
      tree_->kind == Tree::Kind::Value && !tree_->quoted ? parse_double(tree_->text) : std::optional<double>();
  if (value && *value >= least && *value <= most) return double{*value};  // NaN is neither
  const bool bounded = least != std::numeric_limits<double>::lowest() || most != std::numeric_limits<double>::max();
  return expected(bounded ? fmt::format("a number from {} to {}", least, most) : "a number");
}

Result<Milliseconds> Node::duration() const {
  if (tree_->kind != Tree::Kind::Value) return expected("a duration such as 15s or 1h30m");
  auto parsed = parse_duration(tree_->text);
  if (!parsed) return error(parsed.error().what);
  return *parsed;
}

Result<std::vector<Node>> Node::list() const {
  std::vector<Node> out;
  if (is_null()) return out;
  if (!is_list()) return expected("a list");
  for (std::size_t i = 0; i < tree_->children.size(); ++i)
    out.push_back(child(tree_->children[i].value, fmt::format("{}[{}]", path_, i)));
  return out;
}

Result<std::vector<std::string>> Node::texts() const {
  std::vector<std::string> out;
  const auto items = TRY(list());
  for (const auto& item : items) out.push_back(TRY(item.text()));
  return out;
}

Result<std::vector<Node::Entry>> Node::entries() const {
  std::vector<Entry> out;
  if (is_null()) return out;
  if (!is_map()) return expected("a map");
  for (const auto& one : tree_->children) out.push_back({one.key, child(one.value, below(path_, one.key))});
  return out;
}

Result<std::map<std::string, std::string>> Node::text_map() const {
  std::map<std::string, std::string> out;
  const auto all = TRY(entries());
  for (const auto& [key, value] : all) out.emplace(key, TRY(value.text()));
  return out;
}

Result<std::string> Node::word(const std::vector<std::string_view>& allowed) const {
  if (tree_->kind != Tree::Kind::Value) return expected("one of " + listed(allowed));
  if (std::ranges::find(allowed, tree_->text) != allowed.end()) return tree_->text;
  return error(fmt::format("expected one of {}, found {}", listed(allowed), found(*tree_)));
}

std::optional<Node> Node::find(std::string_view key) const {
  if (!is_map()) return std::nullopt;
  const auto at = std::ranges::find(tree_->children, key, &Tree::Child::key);
  if (at == tree_->children.end()) return std::nullopt;
  return child(at->value, below(path_, key));
}

Result<void> Node::only(const std::vector<std::string_view>& known) const {
  if (is_null()) return {};
  if (!is_map()) return expected("a map with keys of " + listed(known));
  for (const auto& one : tree_->children)
    if (std::ranges::find(known, one.key) == known.end())
      return fail(Code::Invalid, "{}:{}:{}: {}: this key is not known; {}", *file_, one.key_line, one.key_column,
                  below(path_, valid_utf8(std::string_view(one.key).substr(0, kShownValue))),
                  did_you_mean(one.key, known));
  return {};
}

Result<void> Node::read(std::string_view key, std::string& into) const {
  if (const auto value = find(key); value && !value->is_null()) into = TRY(value->text());
  return {};
}

Result<void> Node::read(std::string_view key, bool& into) const {
  if (const auto value = find(key); value && !value->is_null()) into = TRY(value->flag());
  return {};
}

Result<void> Node::read(std::string_view key, Milliseconds& into) const {
  if (const auto value = find(key); value && !value->is_null()) into = TRY(value->duration());
  return {};
}

Result<void> Node::read(std::string_view key, std::vector<std::string>& into) const {
  if (const auto value = find(key); value && !value->is_null()) into = TRY(value->texts());
  return {};
}

Result<void> Node::read(std::string_view key, std::map<std::string, std::string>& into) const {
  if (const auto value = find(key); value && !value->is_null()) into = TRY(value->text_map());
  return {};
}

Result<Node> load(std::string_view text, std::string_view file) {
  if (text.size() > kMaxBytes) return fail(Code::Invalid, "{}: longer than {} MiB", file, kMaxBytes >> 20U);
  auto tree = TRY(parse_yaml(text, file));
  return Node(std::make_shared<const std::string>(file), std::move(tree), "");
}

Result<Node> load_file(const std::string& path) {
  const std::string text = TRY(read_file(path, kMaxBytes));
  return load(text, path);
}

}  // namespace tessera::config
