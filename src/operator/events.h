#pragma once
// Inside the room: events about the resource, as `kubectl describe gpumonitor` shows them. Thread contract: one thread.
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>

#include "operator/client.h"

namespace tessera::operate {

struct Note {
  bool warning = false;
  std::string reason, message;
};

/// The event of a note; `serial` tells it from others of the same instant.
nlohmann::ordered_json event_of(const Note& note, const nlohmann::ordered_json& about, EpochMs now, unsigned serial);

class Events {
 public:
  Events(Client& client, Counts& counts) : client_(client), counts_(counts) {}
  /// Tells it on the log, and in an event unless there were too many of late. That an event cannot be written stops
  /// nothing.
  void tell(const Note& note, const nlohmann::ordered_json& about, const std::stop_token& stop);

 private:
  bool may_tell();

  Client& client_;
  Counts& counts_;
  double left_ = 25;  // events that may be written at once; another one each minute
  std::optional<SteadyTime> counted_;
  unsigned serial_ = 0;
};

}  // namespace tessera::operate
