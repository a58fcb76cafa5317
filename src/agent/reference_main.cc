#include <cstdio>

#include "agent/reference.h"

int main() {
  std::fputs(tessera::agent::metrics_reference().c_str(), stdout);
  return 0;
}
