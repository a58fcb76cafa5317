#include "sim/drop.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace tessera::sim {

// The dynamic string table holds each name once, between zero bytes. A changed first letter is enough: the hash still
// leads to the entry, but the comparison of names that follows fails.
Outcome<std::string> drop_symbols(const std::string& library, const std::vector<std::string>& symbols,
                                  const std::string& directory) {
  std::ifstream in(library, std::ios::binary);
  if (!in) return Failure{fmt::format("library {}: cannot be read", library)};
  std::string image(std::istreambuf_iterator<char>(in), {});
  for (const std::string& symbol : symbols) {
    const std::string entry = symbol + '\0';
    std::size_t found = 0;
    for (std::size_t at = image.find(entry); at != std::string::npos; at = image.find(entry, at + 1)) {
      if (at == 0 || image[at - 1] != '\0') continue;
      image[at] = 'x';  // in .dynstr, and in .strtab where the file is not stripped
      ++found;
    }
    if (found == 0) return Failure{fmt::format("library {}: has no function {}", library, symbol)};
  }
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  const std::string path = directory + "/libnvidia-ml.so.1";
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << image;
  if (!out.flush()) return Failure{fmt::format("library {}: cannot be written", path)};
  return path;
}

}  // namespace tessera::sim
