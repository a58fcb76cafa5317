#include "agent/layout/document.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/utc.h"

namespace tessera::agent::layout {
namespace {

using Json = nlohmann::json;

constexpr int kDeepest = 16;
constexpr std::size_t kMostDevices = 1024;
constexpr std::size_t kMostInstances = 64;           // on one device, more than any has
constexpr std::uint64_t kMostSlices = 1024;          // of a placement, likewise
constexpr std::uint64_t kMostCounted = 1ULL << 53U;  // what every JSON reader keeps exactly
constexpr std::size_t kLongestName = 256;

/// A value and where it stands, for errors: "devices[0].instances[2].start".
struct At {
  const Json* json;
  std::string path;

  Result<At> member(const char* name) const {
    const auto found = json->is_object() ? json->find(name) : json->end();
    if (!json->is_object() || found == json->end())
      return fail(Code::Invalid, "{} is missing", path.empty() ? name : path + "." + name);
    return At{&*found, path.empty() ? name : path + "." + name};
  }
  bool has(const char* name) const { return json->is_object() && json->contains(name); }

  Result<std::string> text() const {
    if (!json->is_string() || json->get_ref<const std::string&>().empty() ||
        json->get_ref<const std::string&>().size() > kLongestName)
      return fail(Code::Invalid, "{}: a text of 1 to {} bytes is expected", path, kLongestName);
    return json->get<std::string>();
  }
  Result<std::uint64_t> number(std::uint64_t most) const {
    if (!json->is_number_unsigned() || json->get<std::uint64_t>() > most)
      return fail(Code::Invalid, "{}: a whole number from 0 to {} is expected", path, most);
    return json->get<std::uint64_t>();
  }
  Result<EpochMs> time() const {
    const auto parsed = json->is_string() ? parse_utc(json->get_ref<const std::string&>()) : std::nullopt;
    if (!parsed) return fail(Code::Invalid, "{}: a time as 2026-01-31T09:30:00Z is expected", path);
    return *parsed;
  }
  Result<std::vector<At>> list(std::size_t most) const {
    if (!json->is_array() || json->size() > most)
      return fail(Code::Invalid, "{}: a list of at most {} is expected", path, most);
    std::vector<At> out;
    for (std::size_t i = 0; i < json->size(); ++i) out.push_back({&(*json)[i], fmt::format("{}[{}]", path, i)});
    return out;
  }
};

Result<std::vector<Place>> places(const At& at) {
  std::vector<Place> out;
  const auto entries = TRY(at.list(kMostInstances));
  for (const At& entry : entries) {
    const auto start = TRY(TRY(entry.member("start")).number(kMostSlices));
    const auto size = TRY(TRY(entry.member("size")).number(kMostSlices));
    out.push_back(
        {{static_cast<unsigned>(start), static_cast<unsigned>(size)}, TRY(TRY(entry.member("profile")).text())});
  }
  std::ranges::sort(out);
  return out;
}

Result<std::optional<bool>> mode(const At& device) {
  if (!device.has("mode")) return std::optional<bool>();
  const At at = TRY(device.member("mode"));
  if (*at.json == "mig") return std::optional(true);
  if (*at.json == "whole") return std::optional(false);
  return fail(Code::Invalid, "{}: mig or whole is expected", at.path);
}

Result<WantedDevice> device(const At& at, std::uint64_t newest) {
  WantedDevice out;
  out.uuid = TRY(TRY(at.member("uuid")).text());
  out.generation = TRY(TRY(at.member("generation")).number(newest));
  out.planned_from = TRY(places(TRY(at.member("plannedFrom"))));
  out.mig = TRY(mode(at));
  out.instances = TRY(places(TRY(at.member("instances"))));
  if (out.mig == false && !out.instances.empty())
    return fail(Code::Invalid, "{}.instances: a device that is whole has none", at.path);
  return out;
}

}  // namespace

Result<Document> parse_document(std::string_view json) {
  const Json root =
      Json::parse(json, [](int depth, Json::parse_event_t, const Json&) { return depth <= kDeepest; }, false);
  if (!root.is_object()) return fail(Code::Invalid, "a JSON object is expected");
  const At at{&root, ""};
  Document out;
  out.cluster = TRY(TRY(at.member("cluster")).text());
  out.node = TRY(TRY(at.member("node")).text());
  out.generation = TRY(TRY(at.member("generation")).number(kMostCounted));
  out.epoch = TRY(TRY(at.member("epoch")).number(kMostCounted));
  out.issued_at = TRY(TRY(at.member("issuedAt")).time());
  out.expires_at = TRY(TRY(at.member("expiresAt")).time());
  std::set<std::string> seen;
  const auto entries = TRY(TRY(at.member("devices")).list(kMostDevices));
  for (const At& entry : entries) {
    out.devices.push_back(TRY(device(entry, out.generation)));
    if (!seen.insert(out.devices.back().uuid).second)
      return fail(Code::Invalid, "{}.uuid: {} stands there twice", entry.path, out.devices.back().uuid);
  }
  return out;
}

}  // namespace tessera::agent::layout
