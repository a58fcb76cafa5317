#pragma once
// Who sends and who asks. Both throw std::runtime_error where the program refuses: then nothing of a run is worth
// anything.
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/duration.h"

namespace tessera::bench {

/// One scrape of each of `nodes` nodes over a few connections, spread over so long as a relay spreads them (0: as fast
/// as the program takes it); seconds.
double send_round(const std::string& url, const std::string& page, unsigned nodes, EpochMs time,
                  Milliseconds over = Milliseconds(0));

/// A GET again and again, `per_second` times whatever the answers take; how long each took, in ms, from when it was
/// due.
std::vector<double> ask(const std::function<std::string(unsigned)>& url_of, double per_second,
                        const std::stop_token& stop);

double percentile(std::vector<double> values, double share);

}  // namespace tessera::bench
