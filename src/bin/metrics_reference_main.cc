#include <cstdio>
#include <cstring>

#include "agent/reference.h"
#include "operator/reference.h"
#include "relay/reference.h"
#include "server/reference.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--settings") == 0) {
    std::fputs(tessera::server::settings_reference().c_str(), stdout);
    return 0;
  }
  std::printf("%s\n%s\n%s\n%s", tessera::agent::metrics_reference().c_str(),
              tessera::relay::metrics_reference().c_str(), tessera::server::metrics_reference().c_str(),
              tessera::operate::metrics_reference().c_str());
  return 0;
}
