#include "agent/layout/memory.h"

#include <nlohmann/json.hpp>
#include <system_error>

#include "base/files.h"

namespace tessera::agent::layout {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::size_t kMostBytes = 64U << 10U;

}  // namespace

Result<Memory> Memory::open(const std::filesystem::path& folder, const Ourselves& us) {
  std::error_code trouble;
  std::filesystem::create_directories(folder, trouble);
  if (trouble)
    return fail(Code::Unavailable, "making the folder {} of --data failed: {}", folder.string(), trouble.message());
  Memory out(folder / "layout.json", us);
  TRY(out.read());
  return out;
}

Result<void> Memory::read() {
  const auto text = read_file(file_, kMostBytes);
  if (!text && text.error().code == Code::NotFound) return {};
  if (!text) return text.error();
  const Json json = Json::parse(*text, nullptr, false);
  const auto number = [&](const char* key) {
    return json.is_object() && json.contains(key) && json[key].is_number_unsigned()
               ? std::optional(json[key].get<std::uint64_t>())
               : std::nullopt;
  };
  const auto epoch = number("epoch");
  const auto generation = number("generation");
  if (!epoch || !generation || json.value("cluster", Json()).is_null() || json.value("node", Json()).is_null())
    return fail(Code::Invalid,
                "{} is not what this program writes: look what happened to it; once it is removed, documents are taken "
                "from any epoch and generation on",
                file_.string());
  if (json["cluster"] != us_.cluster || json["node"] != us_.node)
    return fail(Code::Invalid, "{} is of node {} of cluster {}, this is {} of {}: give each node a --data of its own",
                file_.string(), json["node"].dump(), json["cluster"].dump(), us_.node, us_.cluster);
  newest_ = {*epoch, *generation};
  return {};
}

Result<void> Memory::remember(const Newest& next) {
  if (next == newest_) return {};
  const Json json{{"cluster", us_.cluster}, {"node", us_.node}, {"epoch", next.epoch}, {"generation", next.generation}};
  TRY(write_file_atomically(file_, json.dump() + "\n", 0600));
  newest_ = next;
  return {};
}

}  // namespace tessera::agent::layout
