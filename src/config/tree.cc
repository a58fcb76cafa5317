// The only file that compiles yaml-cpp. It listens to its events rather than load its nodes: those lose the difference
// between "true" and true, know no limit, and throw when they are asked a wrong question.
#include "config/tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <stdexcept>
#include <unordered_set>

#include "base/text.h"

namespace tessera::config {
namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxValues = 100'000;
constexpr std::size_t kShownKey = 60;

/// Thrown and caught in this file: yaml-cpp offers no other way out of its parser.
struct Refusal {
  YAML::Mark mark;
  std::string why;
};

class Builder final : public YAML::EventHandler {
 public:
  std::shared_ptr<const Tree> root() const { return root_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(made(mark), mark, anchor); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Refusal{mark, "this alias stands inside of what it stands for"};
    add(found->second, mark, YAML::NullAnchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    auto tree = made(mark);
    tree->kind = Tree::Kind::Value;
    tree->text = value;
    tree->quoted = quoted(mark, tag);
    add(std::move(tree), mark, anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Tree::Kind::List);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Tree::Kind::Map);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    std::shared_ptr<Tree> tree;
    YAML::Mark mark;
    YAML::anchor_t anchor;
    bool has_key = false;
    Tree::Child next;
    std::unordered_set<std::string> keys;
  };

  static std::shared_ptr<Tree> made(const YAML::Mark& mark) {
    auto tree = std::make_shared<Tree>();
    tree->line = mark.line + 1;
    tree->column = mark.column + 1;
    return tree;
  }

  static bool quoted(const YAML::Mark& mark, const std::string& tag) {
    if (tag == "?" || tag.empty()) return false;
    if (tag == "!" || tag == "tag:yaml.org,2002:str") return true;
    for (const auto* plain : {"bool", "int", "float", "null"})
      if (tag == std::string("tag:yaml.org,2002:") + plain) return false;
    throw Refusal{mark, "the tag '" + valid_utf8(tag.substr(0, kShownKey)) + "' means nothing here"};
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Tree::Kind kind) {
    if (tag != "?" && tag != "!" && !tag.empty() && tag != "tag:yaml.org,2002:seq" && tag != "tag:yaml.org,2002:map")
      throw Refusal{mark, "the tag '" + valid_utf8(tag.substr(0, kShownKey)) + "' means nothing here"};
    if (open_.size() >= kMaxDepth) throw too_deep(mark);
    Open next{made(mark), mark, anchor, false, {}, {}};
    next.tree->kind = kind;
    open_.push_back(std::move(next));
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    add(std::move(done.tree), done.mark, done.anchor);
  }

  static Refusal too_deep(const YAML::Mark& mark) {
    return {mark, "more than " + std::to_string(kMaxDepth) + " levels"};
  }

  void add(std::shared_ptr<const Tree> tree, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) anchors_[anchor] = tree;
    if (open_.empty()) {
      root_ = std::move(tree);
      return;
    }
    Open& parent = open_.back();
    if (parent.tree->kind == Tree::Kind::Map && !parent.has_key) return take_key(parent, *tree, mark);
    Tree& into = *parent.tree;
    into.values += tree->values;
    if (into.values > kMaxValues || ++made_ > kMaxValues)
      throw Refusal{mark, "more than " + std::to_string(kMaxValues) + " values"};
    into.depth = std::max(into.depth, tree->depth + 1);
    if (into.depth + open_.size() > kMaxDepth + 1) throw too_deep(mark);
    parent.next.value = std::move(tree);
    into.children.push_back(std::exchange(parent.next, {}));
    parent.has_key = false;
  }

  static void take_key(Open& parent, const Tree& key, const YAML::Mark& mark) {
    if (key.kind != Tree::Kind::Value) throw Refusal{mark, "a key must be a single value"};
    if (key.text == "<<" && !key.quoted) throw Refusal{mark, "merge keys ('<<') are not supported: write the keys out"};
    if (!parent.keys.insert(key.text).second)
      throw Refusal{mark, "the key '" + valid_utf8(key.text.substr(0, kShownKey)) + "' is there twice"};
    parent.next.key = key.text;
    parent.next.key_line = mark.line + 1;
    parent.next.key_column = mark.column + 1;
    parent.has_key = true;
  }

  std::vector<Open> open_;
  std::map<YAML::anchor_t, std::shared_ptr<const Tree>> anchors_;  // finished ones
  std::shared_ptr<const Tree> root_ = std::make_shared<const Tree>();
  std::size_t made_ = 0;
};

Error refused(std::string_view file, const YAML::Mark& mark, std::string_view why) {
  return fail(Code::Invalid, "{}:{}:{}: {}", file, mark.line + 1, mark.column + 1, why);
}

}  // namespace

Result<std::shared_ptr<const Tree>> parse_yaml(std::string_view text, std::string_view file) {
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    Builder builder;
    if (parser.HandleNextDocument(builder)) {
      Builder second;
      if (parser.HandleNextDocument(second))
        return fail(Code::Invalid, "{}:{}:{}: a second document; one is expected", file, second.root()->line,
                    second.root()->column);
    }
    return builder.root();
  } catch (const Refusal& refusal) {
    return refused(file, refusal.mark, refusal.why);
  } catch (const YAML::Exception& error) {
    return refused(file, error.mark, error.msg);
  } catch (const std::exception& error) {
    return fail(Code::Invalid, "{}: not readable as YAML: {}", file, error.what());
  }
}

}  // namespace tessera::config
