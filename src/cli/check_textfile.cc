// node_exporter's textfile folder: a file there is served only if it can be read, and trusted only if it is fresh.
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "cli/checks.h"
#include "cli/textfile_folder.h"

namespace tessera::cli {
namespace {
namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kFreshFor = 10min;  // a CronJob writes each minute or each five

void judge_file(const PromFile& file, Findings& out) {
  const auto path = file.path.string();
  if (!file.readable_by_all)
    out.push_back({Status::Warning,
                   path,
                   "not readable by all: node_exporter cannot serve it, unless it runs as its owner or as root",
                   "Give it mode 0644; a program that writes it by mktemp and mv leaves 0600 behind.",
                   {"chmod 0644 " + path}});
  if (!file.families.empty() && file.age > kFreshFor)
    out.push_back({Status::Warning,
                   path,
                   fmt::format("GPU series, last written {} ago: node_exporter serves them as if they were fresh",
                               format_duration(std::chrono::duration_cast<Milliseconds>(file.age))),
                   "Start what writes it (tessera-agent --textfile, or its CronJob), or remove the file.",
                   {"systemctl status tessera-agent", "rm " + path}});
}

void judge_doubles(const fs::path& folder, const std::vector<PromFile>& files, Findings& out) {
  std::map<std::string, std::vector<std::string>> places;
  for (const auto& file : files)
    for (const auto& family : file.families) places[family].push_back(file.path.filename().string());
  std::map<std::vector<std::string>, std::vector<std::string>> doubles;  // files -> families
  for (const auto& [family, in] : places)
    if (in.size() > 1) doubles[in].push_back(family);
  for (const auto& [in, families] : doubles)
    out.push_back(
        {Status::Warning,
         fmt::format("{}: {}", folder.string(), fmt::join(in, ", ")),
         fmt::format("have the same series: {}; node_exporter refuses doubles and reports an error at each scrape",
                     fmt::join(families, ", ")),
         "Keep one writer, and remove the other's file.",
         {}});
}

Finding summary(const fs::path& folder, const std::vector<PromFile>& files) {
  std::vector<std::string> ours;
  for (const auto& file : files)
    if (!file.families.empty()) ours.push_back(file.path.filename().string());
  const auto seen =
      fmt::format("{}, {}", count_of(files.size(), "*.prom file"),
                  ours.empty() ? "none with GPU series" : fmt::format("GPU series in {}", fmt::join(ours, ", ")));
  if (::access(folder.c_str(), W_OK) == 0) return {Status::Ok, folder.string(), seen + "; may be written", "", {}};
  return {Status::Note,
          folder.string(),
          seen + "; this user may not write there",
          "The agent must be able to, if it is to write the textfile: run as root, or change the folder's group.",
          {"ls -ld " + folder.string()}};
}

}  // namespace

Findings check_textfile(const Node& node) {
  const auto folder = textfile_folder(node);
  if (!folder)
    return {{Status::Note,
             (node.at.root / kUsualTextfileFolders[0]).string() + " and other usual places",
             "no textfile folder of node_exporter",
             "Needed only if node_exporter is to serve the GPU sessions: install it, or name its folder with "
             "--textfile-dir DIR.",
             {}}};
  std::error_code failure;
  const auto files = prom_files(folder->path, failure);
  if (failure)
    return {{Status::Problem,
             folder->path.string(),
             fmt::format("cannot be listed ({}): {}", folder->source, failure.message()),
             "Create it, readable by node_exporter's user, and restart node_exporter.",
             {"install -d -m 0755 " + folder->path.string()}}};
  Findings out{summary(folder->path, files)};
  for (const auto& file : files) judge_file(file, out);
  judge_doubles(folder->path, files, out);
  return out;
}

}  // namespace tessera::cli
