#include <cstdio>
#include <cstdlib>

#include "operator/dry_run.h"
#include "operator/options.h"

int main(int argc, char** argv) {
  using namespace tessera;
  const auto parsed = operate::parse_options({argv + 1, argv + argc});
  if (!parsed) {
    std::fprintf(stderr, "tessera-operator: %s\n", parsed.error().what.c_str());
    return 2;
  }
  if (const auto* text = std::get_if<operate::Text>(&*parsed)) {
    std::fputs(text->text.c_str(), stdout);
    return EXIT_SUCCESS;
  }
  const auto printed = operate::dry_run(std::get<operate::Options>(*parsed));
  if (!printed) {
    std::fprintf(stderr, "tessera-operator: %s\n", printed.error().what.c_str());
    return EXIT_FAILURE;
  }
  std::fputs(printed->c_str(), stdout);
  return EXIT_SUCCESS;
}
