#include "cli/textfile_folder.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/files.h"
#include "base/text.h"

namespace tessera::cli {
namespace {
namespace fs = std::filesystem;

constexpr std::size_t kFileLimit = 64U << 20U;

std::optional<PromFile> look_at_file(const fs::path& path) {
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0 || !S_ISREG(about.st_mode)) return std::nullopt;
  PromFile out{
      path, (about.st_mode & S_IROTH) != 0, std::chrono::seconds(now_epoch_ms() / 1000 - about.st_mtim.tv_sec), {}};
  if (const auto text = read_file(path, kFileLimit)) out.families = gpu_families(*text);
  return out;
}

}  // namespace

std::set<std::string, std::less<>> gpu_families(std::string_view page) {
  std::set<std::string, std::less<>> out;
  for (const auto line : split(page, '\n')) {
    if (!line.starts_with("gpu_") && !line.starts_with("DCGM_")) continue;
    out.emplace(line.substr(0, line.find_first_of("{ \t")));
  }
  return out;
}

std::optional<TextfileFolder> textfile_folder(const Node& node) {
  if (node.at.textfile_dir) return TextfileFolder{*node.at.textfile_dir, "--textfile-dir"};
  for (const auto& process : find_running(node.at.proc, {"node_exporter", "prometheus-node"}))
    if (const auto folder = flag_of(node.at.proc, process.pid, "collector.textfile.directory"))
      return TextfileFolder{node.at.root / fs::path(*folder).relative_path(), "node_exporter's flag"};
  std::error_code unreadable;
  for (const auto folder : kUsualTextfileFolders)
    if (fs::is_directory(node.at.root / folder, unreadable))
      return TextfileFolder{node.at.root / folder, "usual place"};
  return std::nullopt;
}

std::vector<PromFile> prom_files(const fs::path& folder, std::error_code& failure) {
  std::vector<PromFile> out;
  for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end; entry.increment(failure))
    if (entry->path().extension() == ".prom")
      if (auto file = look_at_file(entry->path())) out.push_back(*std::move(file));
  std::ranges::sort(out, {}, &PromFile::path);
  return out;
}

}  // namespace tessera::cli
