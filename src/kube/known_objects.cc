#include "kube/known_objects.h"

namespace tessera::kube {

void KnownObjects::present(const ObjectText& object) {
  auto [it, added] = known_.try_emplace(object.key);
  Known& known = it->second;
  known.list = list_;
  if (!added && known.uid != object.uid) {  // deleted and made again while we were not looking
    tell_({Event::Type::Deleted, object.key, known.uid, ""});
    added = true;
  }
  const bool same = !added && !object.version.empty() && known.version == object.version;
  known.uid = object.uid;
  known.version = object.version;
  if (same) return;
  tell_({added ? Event::Type::Added : Event::Type::Modified, object.key, object.uid, std::string(object.json)});
}

void KnownObjects::gone(const ObjectText& object) {
  const auto known = known_.find(object.key);
  if (known == known_.end() || known->second.uid != object.uid) return;
  known_.erase(known);
  tell_({Event::Type::Deleted, object.key, object.uid, std::string(object.json)});
}

void KnownObjects::end_list() {
  for (auto it = known_.begin(); it != known_.end();) {
    if (it->second.list == list_) {
      ++it;
      continue;
    }
    tell_({Event::Type::Deleted, it->first, it->second.uid, ""});
    it = known_.erase(it);
  }
  tell_({Event::Type::Synced, "", "", ""});
}

}  // namespace tessera::kube
