#pragma once
// The driver's library, found at run time: one binary for nodes with and without a GPU.
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "gpu/device.h"
#include "nvml/api.h"

namespace tessera::nvml {

inline constexpr const char* kSoname = "libnvidia-ml.so.1";

/// Initialising attaches to every GPU, which takes seconds each without persistence mode.
inline constexpr Milliseconds kInitDeadline{60'000};

/// A loaded and initialised driver library. Immutable, so any thread may use it; whoever calls the driver holds a
/// shared_ptr, and the last one shuts the driver down and unloads it.
class Library {
 public:
  /// `name` is a soname, which is then also looked for in the driver roots of known platforms, or a path.
  /// NotFound: no such library. Invalid: a file that is not the driver's library. Denied, Unavailable: the driver
  /// refused to start; the text says why and what to do.
  static Result<std::shared_ptr<const Library>> open(const std::string& name, Milliseconds deadline = kInitDeadline);

  /// For tests: a table of functions instead of a file; nothing is initialised or shut down.
  static std::shared_ptr<const Library> around(const Api& api);

  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  const Api& api() const { return api_; }
  const gpu::Driver& driver() const { return driver_; }
  const std::string& path() const { return path_; }  ///< of the file that was loaded, as the loader knows it

  /// From now on the library stays loaded until the process ends: a thread is stuck in it.
  void leave_loaded() const { left_loaded_ = true; }
  bool left_loaded() const { return left_loaded_; }

 private:
  struct Unload {
    void operator()(void* handle) const noexcept;
  };
  Library() = default;
  Result<void> load(const std::string& name);
  Result<void> start(Milliseconds deadline);
  void read_versions();

  std::unique_ptr<void, Unload> handle_;  // outlives the session: its code runs in nvmlShutdown
  Api api_;
  std::string path_;
  gpu::Driver driver_;
  bool started_ = false;
  mutable std::atomic<bool> left_loaded_ = false;
};

/// Where a library given by soname is looked for after the loader's own search, best first.
std::vector<std::string> driver_places(const std::string& soname);

/// What `doctor` wants to know: can the driver be loaded and started, which one is it, and if not, what to do.
struct Probe {
  std::string path;                   ///< of the loaded file; empty if none was
  std::optional<gpu::Driver> driver;  ///< absent if it did not start
  std::optional<unsigned> devices;    ///< that it counts, also those that this user may not open
  std::string error;                  ///< one or two sentences where something failed
  Code code = Code::Internal;         ///< how it failed; meaningful with an error
};
Probe probe(const std::string& name = kSoname);

}  // namespace tessera::nvml
