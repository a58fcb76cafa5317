#pragma once
// The programs that take remote write in, each with the configuration that it is measured with.
#include <filesystem>
#include <string>
#include <vector>

namespace tessera::bench {

struct Receiver {
  std::string name;
  std::string file;     ///< of the program; empty: it is not on this machine
  std::string version;  ///< empty: unknown
  std::string keeps;    ///< what becomes of a sample
  std::string write_path;
  std::string ready_path;
  std::vector<std::string> (*command)(const Receiver& self, const std::filesystem::path& folder, int port);
};

/// tessera-server, prometheus, victoria-metrics.
std::vector<Receiver> receivers();

}  // namespace tessera::bench
