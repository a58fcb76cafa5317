#include "kube/live_pids.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>

#include <utility>
#include <vector>

#include "base/files.h"
#include "base/text.h"

namespace tessera::kube {
namespace {

constexpr std::size_t kMostFollowed = 256;  // of the 1024 descriptors that a process usually may have

Descriptor open_process(unsigned pid) { return Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

}  // namespace

LivePids::LivePids(std::filesystem::path proc) : proc_(std::move(proc)) {}

/// The kernel tells the process's number in the PID namespace that the tree is of: the numbers are ours only if it is
/// the one that we asked for.
bool LivePids::is_our_number(const Descriptor& process, unsigned pid) const {
  const auto text = read_file(proc_ / "self/fdinfo" / std::to_string(*process));
  if (!text) return false;
  for (const auto line : split(*text, '\n'))
    if (line.starts_with("Pid:")) return parse_int(trim(line.substr(4))) == pid;
  return false;
}

void LivePids::follow(unsigned pid) {
  if (followed_.size() >= kMostFollowed || followed_.contains(pid)) return;
  Descriptor process = open_process(pid);
  if (process && is_our_number(process, pid)) followed_.emplace(pid, std::move(process));
}

void LivePids::refresh() {
  if (followed_.empty()) return;
  std::vector<pollfd> polled;
  std::vector<unsigned> pids;
  for (const auto& [pid, process] : followed_) {
    polled.push_back({*process, POLLIN, 0});
    pids.push_back(pid);
  }
  if (::poll(polled.data(), polled.size(), 0) < 0) {  // then nobody is known to run
    followed_.clear();
    return;
  }
  for (std::size_t i = 0; i < pids.size(); ++i)
    if (polled[i].revents != 0) followed_.erase(pids[i]);
}

}  // namespace tessera::kube
