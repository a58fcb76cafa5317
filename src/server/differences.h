#pragma once
// What two maps say otherwise, of which one was made of the other by a few changes.

namespace tessera::server {

/// Keys of which one map says otherwise than the other.
template <class Map, class Note>
void differences(const Map& a, const Map& b, const Note& note) {
  auto i = a.begin();
  auto j = b.begin();
  while (i != a.end() || j != b.end()) {
    if (j == b.end() || (i != a.end() && i->first < j->first)) {
      note((i++)->first);
    } else if (i == a.end() || j->first < i->first) {
      note((j++)->first);
    } else {
      if (i->second != j->second) note(i->first);
      ++i;
      ++j;
    }
  }
}

}  // namespace tessera::server
