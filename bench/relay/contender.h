#pragma once
// The programs that are compared, each with the configuration that it is measured with.
#include <filesystem>
#include <string>
#include <vector>

namespace tessera::bench {

/// What to scrape and where to send it.
struct Work {
  std::vector<std::string> targets;  ///< "host:port"
  unsigned interval_s;
  std::string write_url;
};

struct Contender {
  std::string name;
  std::string file;     ///< of the program; empty: it is not on this machine
  std::string version;  ///< empty: unknown
  std::string config;   ///< what differs from its defaults, for the reader of the table

  /// Writes its configuration into `folder`, where its queue will be too; the command line that runs it.
  std::vector<std::string> (*command)(const Contender& self, const std::filesystem::path& folder, const Work& work);
};

/// tessera-relay, prometheus, vmagent.
std::vector<Contender> contenders();

}  // namespace tessera::bench
