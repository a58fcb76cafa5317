#pragma once
#include <string>

namespace tessera::bench {

/// Of a program of another project, as `./dev` unpacked it; empty where the program comes from elsewhere.
std::string package_version(const std::string& package);

}  // namespace tessera::bench
