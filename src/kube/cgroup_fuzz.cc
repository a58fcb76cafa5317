#include <cstdint>
#include <cstdlib>
#include <string>

#include "kube/cgroup.h"

namespace {

using tessera::kube::CgroupOwner;
using tessera::kube::parse_cgroup;

void require(bool law) {
  if (!law) std::abort();
}

bool is_hex(std::string_view text, std::size_t length) {
  return text.size() == length && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_uid(const std::string& uid) {
  if (is_hex(uid, 32)) return true;
  std::string digits = uid;
  std::erase(digits, '-');
  return uid.size() == 36 && is_hex(digits, 32) && uid[8] == '-' && uid[13] == '-' && uid[18] == '-' && uid[23] == '-';
}

void check_form(const CgroupOwner& owner) {
  require(owner.pod_uid.empty() || is_uid(owner.pod_uid));
  require(owner.container_id.empty() || is_hex(owner.container_id, 64));
  require(owner.runtime.empty() || !owner.container_id.empty());
}

bool same(const tessera::Result<CgroupOwner>& again, const CgroupOwner& owner) { return again && *again == owner; }

}  // namespace

// What is said has the form that the door promises; lines and leading `..` that name no pod change nothing; and what
// was found is found again in the plainest path that says it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto owner = parse_cgroup(text);
  if (!owner) {
    require(!parse_cgroup(text + "\n0::/init.scope\n"));
    return 0;
  }
  check_form(*owner);
  require(same(parse_cgroup(text + "\n0::/system.slice/containerd.service\n"), *owner));
  require(same(parse_cgroup("1:name=systemd:/libpod-conmon\ngarbage\n" + text), *owner));
  if (owner->pod_uid.empty()) return 0;
  const CgroupOwner plain{owner->pod_uid, owner->container_id, ""};
  require(same(parse_cgroup("0::/../../kubepods/pod" + plain.pod_uid + "/" + plain.container_id), plain));
  return 0;
}
