#pragma once
// One time of leading, or of following. A server is built anew each time that it begins to be the other.
#include <stop_token>
#include <string>

#include "base/result.h"
#include "journal/journal.h"
#include "server/leadership.h"
#include "server/options.h"
#include "server/settings.h"

namespace tessera::server {

/// What there is from one term to the next.
struct Lasting {
  const Settings& settings;
  const Options& options;  ///< its data folder is there
  std::string database;    ///< its URL
  journal::Journal& journal;
  Leadership& leadership;
  std::string address;    ///< where to serve, then where it was served
  std::string admission;  ///< likewise, to the cluster; empty: not at all
  bool served = false;    ///< in some term
};

/// Until the stop, or until this server has to be the other one.
Result<void> serve_term(Lasting& lasting, const std::stop_token& stop);

}  // namespace tessera::server
