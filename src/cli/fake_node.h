#pragma once
// For tests: a node whose trees are a temporary folder, with nobody listening anywhere.
#include <map>
#include <string>

#include "base/files.h"
#include "cli/finding.h"
#include "cli/node.h"

namespace tessera::cli {

class FakeNode {
 public:
  FakeNode();

  /// Writes a file below the root, and the folders above it.
  FakeNode& file(const std::string& path, std::string_view text, unsigned mode = 0644);
  FakeNode& folder(const std::string& path);
  FakeNode& link(const std::string& path, const std::string& target);
  FakeNode& variable(const std::string& name, const std::string& value);
  /// A process with its name as the kernel keeps it, and its command line (words end in NUL).
  FakeNode& process(unsigned pid, const std::string& command, const std::string& command_line = "");
  /// An NVIDIA GPU on the PCI bus.
  FakeNode& pci_gpu(const std::string& address, const std::string& driver = "");
  /// A driver of this version that started and counts two devices.
  FakeNode& driver(const std::string& version, bool simulated = false);
  /// The files of a /proc that look_for_blindness finds nothing wrong with.
  FakeNode& whole_proc();

  std::string path(const std::string& relative) const { return (dir_.path() / relative).string(); }

  Node node;

 private:
  TempDir dir_;
};

/// A device that is well, and one that has MIG instances of these GPU instances.
gpu::Device healthy(unsigned index, const std::string& name = "NVIDIA H100 80GB HBM3");
gpu::Device carved(unsigned index, const std::vector<unsigned>& gpu_instances);

/// The statuses of findings, in order: "ok warning".
std::string statuses(const Findings& findings);
/// All words of a finding, for searching.
std::string words(const Findings& findings);

}  // namespace tessera::cli
