#pragma once
// What receivers are sent. Pure.
#include <span>
#include <string>
#include <vector>

#include "store/alerts.h"

namespace tessera::server {

/// One alert as it is told: firing while `ends` lies ahead. Messages say that it ends no earlier than it starts, also
/// where a clock was set back in between.
struct ToldAlert {
  std::string alert;
  fleet::alerts::LabelSet labels;  ///< with alertname and severity
  std::string summary;
  std::string runbook;
  double value = 0;
  EpochMs starts = 0;
  EpochMs ends = 0;
  bool resolved = false;
  std::int64_t event = 0;  ///< that it tells of; 0: none, it stands
};

/// The body of POST /api/v2/alerts of Alertmanager.
std::string alertmanager_body(std::span<const ToldAlert> alerts);

/// Alerts that are told of in one message: of one name and cluster, in the order in which they came.
std::vector<std::vector<ToldAlert>> grouped(std::span<const ToldAlert> alerts);

/// The body of a webhook as Alertmanager sends it (version 4), for one group.
std::string webhook_body(std::span<const ToldAlert> group, std::string_view receiver);

/// The body of a Slack incoming webhook, for one group.
std::string slack_body(std::span<const ToldAlert> group);

}  // namespace tessera::server
