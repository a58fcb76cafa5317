#include "operator/key_secret.h"

#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/base64url.h"
#include "operator/objects.h"

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kIdSize = 8, kSecretSize = 32;
constexpr std::string_view kIdLetters = "abcdefghijklmnopqrstuvwxyz012345";  // 32: five bits each, without a bias

}  // namespace

Result<std::string> make_api_key() {
  std::array<unsigned char, kIdSize + kSecretSize> random{};
  if (::getentropy(random.data(), random.size()) != 0)
    return fail(Code::Unavailable, "make an API key: the system gives no random bytes");
  std::string out = "tsk_";
  for (std::size_t i = 0; i < kIdSize; ++i) out += kIdLetters[random[i] % kIdLetters.size()];
  return out + '_' + base64url({reinterpret_cast<const char*>(random.data()) + kIdSize, kSecretSize});
}

Result<Json> key_secret_object(const GpuMonitor& monitor, const KeySecret& secret) {
  Json labels{{"app.kubernetes.io/name", "tessera"}, {"app.kubernetes.io/component", "keys"}};
  for (const auto& [key, value] : inventory_labels(monitor)) labels[key] = value;
  Json metadata{{"name", secret.name}, {"namespace", secret.home}, {"labels", std::move(labels)}};
  if (!monitor.uid.empty()) metadata["ownerReferences"] = owner_of(monitor);
  Json out{{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", std::move(metadata)}, {"type", "Opaque"}};
  for (const std::string& key : secret.keys) out["stringData"][key] = TRY(make_api_key());
  return out;
}

}  // namespace tessera::operate
