#pragma once
// Parts of a JSON text as the bytes they are, without building a tree: a page of the API server holds hundreds of
// objects, which are handed on as text. Pure; on text that is no JSON they find nothing or something, but stay within
// it.
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tessera::kube {

bool is_json(std::string_view text);

/// The value of `name` in an object; nullopt where there is none. A name that is written with escapes is not found.
std::optional<std::string_view> member(std::string_view object, std::string_view name);

/// The string of member `name`, its escapes written out; empty where it is absent or no string.
std::string text_member(std::string_view object, std::string_view name);

/// The string that a value is, its escapes written out; empty for any other value.
std::string text_of(std::string_view value);

/// Calls `take` with each member of an object: its name, its value.
void each_member(std::string_view object, const std::function<void(const std::string&, std::string_view)>& take);

/// Calls `take` with each item of a list.
void each_item(std::string_view list, const std::function<void(std::string_view)>& take);

}  // namespace tessera::kube
