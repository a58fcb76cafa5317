#pragma once
// Where the relay sends to: stores of other projects that take remote writes, and say afterwards what they hold.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/duration.h"
#include "tests/e2e/parsed_page.h"
#include "tests/e2e/prometheus.h"

namespace tessera::e2e {

struct Point {
  EpochMs time;
  double value;
  bool operator==(const Point&) const = default;
};
/// Every sample of a series, in the order of its time; markers of staleness are none.
using Samples = std::map<Labels, std::vector<Point>>;

class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual std::string name() const = 0;
  virtual std::string write_url() const = 0;
  /// How far a value of it may be from what was written, in parts of it: one stores decimals, as exact as the largest
  /// of its neighbours.
  virtual double precision() const { return 0; }
  /// All samples of a selector such as `up{job="x"}`; fails the test on an error reply.
  virtual Samples samples(const std::string& selector) = 0;
  /// What an instant query says at a time.
  virtual std::map<Labels, double> at(const std::string& query, EpochMs time) = 0;
  virtual void stop() = 0;
  /// After stop(): the same data at the same address.
  virtual void start() = 0;
};

/// Debian's Prometheus takes a series' samples in their order only, and refuses whole requests.
std::unique_ptr<Receiver> prometheus_receiver();
/// One that scrapes these itself, as a job `gpu` that honors labels: to compare with.
std::unique_ptr<Receiver> scraping_prometheus(const std::vector<std::string>& addresses);
/// Debian's VictoriaMetrics takes everything in any order.
std::unique_ptr<Receiver> victoria_metrics_receiver();
/// Why one of both is not here; empty: both are.
std::string missing_receivers();

/// `samples` of one series alone; fails the test where there are none or several.
std::vector<Point> only(const Samples& samples);
std::vector<double> values(const std::vector<Point>& points);
std::string shown(const Labels& labels);

}  // namespace tessera::e2e
