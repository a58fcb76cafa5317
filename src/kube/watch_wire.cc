#include "kube/watch_wire.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "kube/json_slice.h"

namespace tessera::kube {
namespace {

constexpr std::size_t kShownBytes = 80;

std::string shown(std::string_view text) { return valid_utf8(text.substr(0, kShownBytes)); }

}  // namespace

Result<void> LineCutter::feed(std::string_view chunk, const std::function<bool(std::string_view)>& take) {
  for (;;) {
    const auto end = chunk.find('\n');
    const std::string_view piece = chunk.substr(0, end);
    if (piece.size() > most_bytes_ - begun_.size())
      return fail(Code::Invalid, "a line of the watch is longer than {} bytes", most_bytes_);
    if (end == std::string_view::npos) {
      begun_ += piece;
      return {};
    }
    chunk.remove_prefix(end + 1);
    const std::string line = begun_.empty() ? std::string() : std::exchange(begun_, {}).append(piece);
    const std::string_view whole = trim(line.empty() ? piece : std::string_view(line));
    if (!whole.empty() && !take(whole)) return {};
  }
}

Result<ObjectText> read_object(std::string_view json) {
  const auto metadata = member(json, "metadata").value_or("");
  const std::string name = text_member(metadata, "name");
  const std::string space = text_member(metadata, "namespace");
  if (name.empty()) return fail(Code::Invalid, "an object without a name: {}", shown(json));
  return ObjectText{space.empty() ? name : space + "/" + name, text_member(metadata, "uid"),
                    text_member(metadata, "resourceVersion"), json};
}

Result<WatchLine> read_watch_line(std::string_view line) {
  static constexpr struct {
    std::string_view name;
    WatchLine::Type type;
  } kTypes[] = {{"ADDED", WatchLine::Type::Added},
                {"MODIFIED", WatchLine::Type::Modified},
                {"DELETED", WatchLine::Type::Deleted},
                {"BOOKMARK", WatchLine::Type::Bookmark},
                {"ERROR", WatchLine::Type::Error}};
  if (!is_json(line)) return fail(Code::Invalid, "a line of the watch is no JSON: {}", shown(line));
  const std::string name = text_member(line, "type");
  const auto* const known =
      std::find_if(std::begin(kTypes), std::end(kTypes), [&](const auto& t) { return t.name == name; });
  const auto object = member(line, "object").value_or("");
  if (known == std::end(kTypes) || !object.starts_with('{'))
    return fail(Code::Invalid, "a line of the watch is no event: {}", shown(line));
  return WatchLine{known->type, object};
}

Result<ListPage> read_list_page(std::string_view json) {
  if (!is_json(json)) return fail(Code::Invalid, "the list is no JSON: {}", shown(json));
  const auto metadata = member(json, "metadata");
  const auto items = member(json, "items");
  if (!metadata || !items) return fail(Code::Invalid, "this is no list: {}", shown(json));
  ListPage page;
  page.version = text_member(*metadata, "resourceVersion");
  page.continue_ = text_member(*metadata, "continue");
  std::optional<Error> wrong;
  each_item(*items, [&](std::string_view item) {
    auto object = read_object(item);
    if (object)
      page.items.push_back(*std::move(object));
    else if (!wrong)
      wrong = object.error();
  });
  if (wrong) return *wrong;
  return page;
}

}  // namespace tessera::kube
