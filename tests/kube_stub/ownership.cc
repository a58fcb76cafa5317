#include "tests/kube_stub/ownership.h"

#include <algorithm>
#include <map>

#include "base/duration.h"
#include "tests/kube_stub/field_set.h"

namespace tessera::kube_stub {
namespace {

using Json = nlohmann::json;

/// By manager and operation.
using Owners = std::map<std::pair<std::string, std::string>, Fields>;

Json managed_of(const Json& object) {
  return object.value("metadata", Json::object()).value("managedFields", Json::array());
}

Owners owners_of(const Json& object) {
  Owners out;
  for (const Json& entry : managed_of(object))
    out[{entry.at("manager"), entry.at("operation")}] = from_fields_v1(entry.at("fieldsV1"));
  return out;
}

/// An entry that says what it said keeps its time.
void put_owners(Json& object, const Owners& owners, const Json* before) {
  const Json old = before ? managed_of(*before) : Json::array();
  Json list = Json::array();
  for (const auto& [who, fields] : owners) {
    if (fields.empty()) continue;
    Json entry{{"manager", who.first},
               {"operation", who.second},
               {"apiVersion", object.at("apiVersion")},
               {"fieldsType", "FieldsV1"},
               {"fieldsV1", fields_v1(fields)},
               {"time", format_time(now_epoch_ms()).substr(0, 19) + "Z"}};
    for (const Json& known : old)
      if (known.at("manager") == who.first && known.at("operation") == who.second &&
          known.at("fieldsV1") == entry["fieldsV1"])
        entry = known;
    list.push_back(std::move(entry));
  }
  object["metadata"]["managedFields"] = std::move(list);
}

bool same_value(const Json* a, const Json* b) { return a && b ? *a == *b : a == b; }

/// An item's own leaf says that it is there, not what is in it.
bool is_item(const FieldPath& path) { return !path.back().starts_with("f:"); }

}  // namespace

Applied applied(const Json* live, const Json& wanted, const Writer& writer) {
  const std::pair<std::string, std::string> us{writer.manager, "Apply"};
  const Fields fields = fields_of(wanted);
  Owners owners = live ? owners_of(*live) : Owners();
  Applied out{live ? merged(*live, wanted) : wanted};
  for (auto& [who, theirs] : owners) {
    if (who == us) continue;
    Fields lost;
    for (const FieldPath& path : fields)
      if (theirs.contains(path) && !is_item(path) && !same_value(value_at(*live, path), value_at(wanted, path)))
        lost.insert(path);
    if (!writer.force)
      for (const FieldPath& path : lost) out.conflicts.push_back({who.first, dotted(path)});
    for (const FieldPath& path : lost) theirs.erase(path);
  }
  if (!out.conflicts.empty()) return out;
  for (const FieldPath& path : owners[us]) {
    const bool others = std::any_of(owners.begin(), owners.end(), [&](const auto& owner) {
      return owner.first != us && owner.second.contains(path);
    });
    if (!fields.contains(path) && !others) remove_at(out.object, path);
  }
  owners[us] = fields;
  put_owners(out.object, owners, live);
  return out;
}

void note_update(const Json* before, Json& after, const Writer& writer) {
  Owners owners = before ? owners_of(*before) : Owners();
  const Fields now = fields_of(after);
  Fields changed;
  for (const FieldPath& path : now)
    if (!before ||
        (is_item(path) ? !value_at(*before, path) : !same_value(value_at(*before, path), value_at(after, path))))
      changed.insert(path);
  for (auto& [who, theirs] : owners)
    std::erase_if(theirs, [&](const FieldPath& path) { return changed.contains(path) || !now.contains(path); });
  owners[{writer.manager, "Update"}].insert(changed.begin(), changed.end());
  put_owners(after, owners, before);
}

}  // namespace tessera::kube_stub
