// How busy something is over time: a function of the seconds since its start, in percent, with its exact integral.
//
// Counters (energy, bytes, cycles) are integrals, so every process that loads the library reads the same counter at the
// same instant, without any of them running in the background.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/outcome.h"

namespace tessera::sim {

struct LoadSpec {
  enum class Kind { Constant, Wave, Walk, Replay };
  Kind kind = Kind::Constant;
  double level = 0;                 // percent: the constant, the wave's mean, where the walk starts
  double amplitude = 0;             // wave
  double period = 60;               // wave: seconds
  double phase = 0;                 // wave: fraction of a period
  double step = 5;                  // walk: largest change
  double every = 5;                 // walk: seconds between changes
  double low = 0, high = 100;       // walk
  std::uint64_t seed = 0;           // walk
  std::string file = {}, key = {};  // replay: CSV and the value of its key column; the first key when empty
  double scale = 1, speed = 1;      // replay
  bool operator==(const LoadSpec&) const = default;
};

// CSV files already read, so that many instances can replay different keys of one file.
class ReplayFiles {
 public:
  struct Point {
    double time, value;
    auto operator<=>(const Point&) const = default;
  };
  // The points of `key` in time order.
  Outcome<std::vector<Point>> read(const std::string& file, const std::string& key);

 private:
  struct File {
    std::map<std::string, std::vector<Point>> series;
    std::string first_key;
  };
  Outcome<const File*> load(const std::string& file);
  std::map<std::string, File> files_;
};

class Signal {
 public:
  Signal() = default;  // always zero
  static Outcome<Signal> make(const LoadSpec& spec, ReplayFiles& files);

  double at(double seconds) const;        // percent, 0 to 100
  double integral(double seconds) const;  // percent-seconds from 0

 private:
  // Values that hold from times[i] to times[i + 1], repeated for ever.
  struct Steps {
    std::vector<double> times;  // one more than values: the last is the length of a round
    std::vector<float> values;
    std::vector<double> sums;  // integral up to times[i]
  };
  static Outcome<std::shared_ptr<const Steps>> walk(const LoadSpec& spec);
  static Outcome<std::shared_ptr<const Steps>> replay(const LoadSpec& spec, ReplayFiles& files);

  double level_ = 0, amplitude_ = 0, omega_ = 0, phase_ = 0;
  std::shared_ptr<const Steps> steps_;
};

}  // namespace tessera::sim
