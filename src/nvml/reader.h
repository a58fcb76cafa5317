#pragma once
// The reader: one worker thread per device, each asking the driver for everything wanted about its device and its MIG
// instances. collect() waits for all until a deadline; a device that hangs delays nobody.
#include <memory>
#include <optional>
#include <string>

#include "base/duration.h"
#include "base/result.h"
#include "gpu/device.h"

namespace tessera::nvml {

struct ReaderOptions {
  std::string library = "libnvidia-ml.so.1";  ///< a soname, or the path of a file
  Milliseconds deadline{1000};                ///< of one collection; a device that misses it is Health::Slow
};

/// Thread contract: one thread calls collect(). The destructor never waits for a worker stuck in the driver: such a
/// worker and the library stay behind until the process exits.
class Reader {
 public:
  /// Loads the driver library and initialises it. NotFound: no library; Unavailable: the driver refused (the text says
  /// why and what to do, e.g. library and kernel module differ: restart after the driver's upgrade is complete).
  static Result<std::unique_ptr<Reader>> open(const ReaderOptions& options);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// One collection. Devices and MIG layouts that came or went since the last one are noticed. Rates (GPM, NVLink,
  /// PCIe, process utilization) need a collection before this one and are absent in the first.
  gpu::Snapshot collect();

 private:
  class Impl;
  explicit Reader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera::nvml
