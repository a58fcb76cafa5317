#pragma once
// The reader: one worker thread per device, each asking the driver for everything wanted about its device and its MIG
// instances. collect() waits for all until a deadline; a device that hangs delays nobody.
#include <memory>
#include <string>

#include "base/duration.h"
#include "base/result.h"
#include "gpu/device.h"

namespace tessera::nvml {

class Library;

struct ReaderOptions {
  std::string library = "libnvidia-ml.so.1";  ///< a soname, or the path of a file
  Milliseconds deadline{1000};                ///< of one collection; a device that misses it is Health::Slow
  /// Of which a device that has become slow may take this from the others. They may be 100 ms late by it in all, and
  /// the wake-up after it takes its time too.
  Milliseconds grace{80};
  Milliseconds init_deadline{60'000};  ///< of open(): the driver wakes every GPU, which takes seconds each
};

/// Thread contract: one thread calls collect(). The destructor never waits for a worker stuck in the driver: such a
/// worker and the library stay behind until the process exits.
class Reader {
 public:
  /// Loads the driver library and initialises it. NotFound: no library; Invalid: the file is not the driver's library;
  /// Denied, Unavailable: the driver refused (the text says why and what to do, e.g. library and kernel module differ:
  /// restart after the driver's upgrade is complete).
  static Result<std::unique_ptr<Reader>> open(const ReaderOptions& options);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// One collection. Devices and MIG layouts that came or went since the last one are noticed. Rates (GPM, NVLink,
  /// PCIe, process utilization) need a collection before this one and are absent in the first.
  ///
  /// It takes until the last healthy device has answered. A device seen for the first time may take until the
  /// deadline; one that answered before and is now late, until `grace` after the others; one that is known to hang is
  /// not waited for at all. A device that is not Up has its identity, profiles and instances as last seen, but no
  /// readings and no processes; its XIDs go on.
  gpu::Snapshot collect();

  /// Whether the driver said in the last collection that it was unloaded or exchanged under us, as by an upgrade. It
  /// goes on saying so to this reader: close it, then open another one.
  bool driver_gone() const;

  const gpu::Driver& driver() const;
  /// The library that it reads by; it stays loaded while anybody has it.
  std::shared_ptr<const Library> library() const;
  const std::string& library_path() const;  ///< of the file that was loaded

 private:
  class Impl;
  explicit Reader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera::nvml
