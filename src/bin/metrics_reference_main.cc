#include <cstdio>

#include "agent/reference.h"
#include "relay/reference.h"

int main() {
  std::printf("%s\n%s", tessera::agent::metrics_reference().c_str(), tessera::relay::metrics_reference().c_str());
  return 0;
}
