// Says which pod and container the text of a /proc/PID/cgroup file names.
#include <fmt/core.h>

#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include "kube/cgroup.h"

namespace {

constexpr std::string_view kHelp =
    "usage: cgroup_parse < /proc/PID/cgroup\n"
    "\n"
    "Reads one cgroup file (v1, v2 or hybrid) from standard input and prints one line\n"
    "\n"
    "    POD_UID CONTAINER_ID RUNTIME\n"
    "\n"
    "with '-' for what the file does not say. All of the input counts as one file. If its lines name two different\n"
    "pods, the line is '- - -', the reason goes to standard error, and the exit status is 1.\n"
    "\n"
    "  --help     this text\n"
    "  --version  the version\n";

const char* shown(const std::string& value) { return value.empty() ? "-" : value.c_str(); }

int parse_standard_input() {
  const std::string file{std::istreambuf_iterator<char>(std::cin), {}};
  const auto parsed = tessera::kube::parse_cgroup(file);
  const auto owner = parsed ? *parsed : tessera::kube::CgroupOwner{};
  fmt::print("{} {} {}\n", shown(owner.pod_uid), shown(owner.container_id), shown(owner.runtime));
  if (!parsed) fmt::print(stderr, "cgroup_parse: {}\n", parsed.error().what);
  return parsed ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) return parse_standard_input();
  const std::string_view word = argv[1];
  if (argc == 2 && (word == "--help" || word == "-h")) {
    fmt::print("{}", kHelp);
    return 0;
  }
  if (argc == 2 && word == "--version") {
    fmt::print("cgroup_parse {}\n", TESSERA_VERSION);
    return 0;
  }
  fmt::print(stderr, "cgroup_parse: unexpected argument '{}'; the file is read from standard input\n\n{}", word, kHelp);
  return 2;
}
