#include "operator/serving.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/base64.h"
#include "operator/client.h"
#include "operator/components.h"
#include "operator/decision.h"
#include "operator/sources.h"

namespace tessera::operate {
namespace {
using namespace std::chrono_literals;

using Json = nlohmann::ordered_json;

constexpr const char* kType = "CertificateValid";
constexpr Milliseconds kKept = 1h;  // of a pair that cannot be written: then another one

const Json* find(const Seen::Snapshot& seen, const char* kind, const std::string& place) {
  const auto known = seen.find(kind);
  if (known == seen.end()) return nullptr;
  const auto object = known->second.find(place);
  return object == known->second.end() ? nullptr : object->second.get();
}

std::string minute(EpochMs time) {
  constexpr std::size_t kSeconds = 19;  // of an RFC 3339 time
  return format_time(time).substr(0, kSeconds) + "Z";
}

/// What cannot be read is left out.
SecretTexts texts_of(const Json& secret) {
  SecretTexts out;
  const Json data = secret.value("data", Json::object());
  for (const auto& [key, value] : data.items())
    if (value.is_string())
      if (auto text = base64_decoded(value.get<std::string>())) out[key] = *std::move(text);
  return out;
}

std::string told_by(const Json* configuration) {
  if (!configuration) return {};
  for (const Json& webhook : configuration->value("webhooks", Json::array()))
    if (const Json client = webhook.value("clientConfig", Json::object()); client.contains("caBundle"))
      return base64_decoded(client["caBundle"].get<std::string>()).value_or("");
  return {};
}

bool is_ours(const Json& secret) {
  const Json labels = secret.at("metadata").value("labels", Json::object());
  return labels.value("app.kubernetes.io/managed-by", "") == kFieldManager;
}

/// Who makes the Secret anew before its certificate expires.
enum class Maker : std::uint8_t { Operator, CertManager, Somebody };

Condition condition_of(const SecretTexts& texts, Maker maker, const std::string& place, EpochMs now) {
  static constexpr std::string_view kBy[] = {"the operator renews it at two thirds of its life",
                                             "cert-manager renews it", "it is not the operator's: renew it yourself"};
  const auto until = expiry_of(text_at(texts, kCertificate));
  if (!until)
    return {kType, "Unknown", "NotIssued",
            maker == Maker::CertManager
                ? fmt::format("cert-manager has not put a certificate into the Secret {0} yet: kubectl describe "
                              "certificate --namespace {1}",
                              place, place.substr(0, place.find('/')))
                : fmt::format("the Secret {} has no certificate yet", place)};
  const std::string by(kBy[static_cast<int>(maker)]);
  if (now >= *until)
    return {kType, "False", "Expired",
            fmt::format("the certificate of the admission webhook expired at {}, so API servers let pods pass without "
                        "asking; {}",
                        minute(*until), by)};
  return {kType, "True", "Valid",
          fmt::format("the certificate of the admission webhook is valid until {}; {}", minute(*until), by)};
}

std::string note_of(const CertificateStep& step, const std::string& place, const SecretTexts& texts) {
  using Kind = CertificateStep::Kind;
  const auto expiry = expiry_of(text_at(texts, step.kind == Kind::Prepare ? kNextCertificate : kCertificate));
  const std::string until = expiry ? minute(*expiry) : "";
  switch (step.kind) {
    case Kind::Make:
      return fmt::format("Secret {}: certificate made, valid until {}, for {}", place, until, step.why);
    case Kind::Prepare:
      return fmt::format("Secret {}: the next certificate made, valid until {}, for {}", place, until, step.why);
    case Kind::Promote:
      return fmt::format("Secret {}: the next certificate is served, valid until {}; {}", place, until, step.why);
    default:
      return fmt::format("Secret {}: {}", place, step.why);
  }
}

}  // namespace

Serving ServingKeeper::look(const GpuMonitor& monitor, const Seen::Snapshot& seen, EpochMs now) {
  const Spec& spec = monitor.spec;
  if (!has_admission(spec)) return made_.reset(), Serving{};
  const std::string place = fmt::format("{}/{}", spec.home, kAdmission);
  const Json* const secret = find(seen, kAdmissionSecrets, place);
  const Held held{secret ? texts_of(*secret) : SecretTexts(),
                  told_by(find(seen, std::string(kWebhookKind).c_str(), std::string(kAdmission))),
                  fmt::format("{}.{}.svc", kAdmission, spec.home)};
  Serving out;
  if (const auto until = expiry_of(text_at(held.secret, kCertificate))) out.expiry = *until;
  const bool by_manager = !has_own_certificate(spec);
  const bool foreign = secret && !is_ours(*secret);
  const Maker maker = by_manager ? Maker::CertManager : foreign ? Maker::Somebody : Maker::Operator;
  out.condition = condition_of(held.secret, maker, place, now);
  if (maker != Maker::Operator) {
    made_.reset();
    if (!by_manager) out.authorities = text_at(held.secret, kAuthorities);
    return out;
  }
  const std::string version = secret ? version_of(*secret) : "";
  if (made_ &&
      (made_->version != version || made_->home != spec.home || now - made_at_ > kKept.count() || now < made_at_))
    made_.reset();
  if (!made_) {
    const CertificateStep step = next_step(held, now);
    auto texts = carried_out(step, held, now);
    if (!texts) {
      out.condition = Condition{kType, "False", "NotMade", texts.error().what};
      return out;
    }
    if (step.kind != CertificateStep::Kind::Keep) {
      made_ = CertificateSecret{spec.home, std::string(kAdmission), version, *std::move(texts), ""};
      made_->note = note_of(step, place, made_->texts);
      made_at_ = now;
    }
  }
  out.certificate = made_;
  out.authorities = made_ ? text_at(made_->texts, kAuthorities) : text_at(held.secret, kAuthorities);
  return out;
}

Json certificate_object(const GpuMonitor& monitor, const CertificateSecret& secret) {
  Json data = Json::object();
  // Of a merge: what is not named here stays, and what is null goes.
  for (const char* key : {kCertificate, kPrivateKey, kAuthorities, kNextCertificate, kNextKey}) {
    const auto text = secret.texts.find(key);
    if (text != secret.texts.end())
      data[key] = base64(text->second);
    else if (!secret.version.empty())
      data[key] = nullptr;
  }
  if (!secret.version.empty()) return {{"metadata", {{"resourceVersion", secret.version}}}, {"data", std::move(data)}};
  Json labels{{"app.kubernetes.io/name", "tessera-server"}, {"app.kubernetes.io/component", "server"}};
  for (const auto& [key, value] : inventory_labels(monitor)) labels[key] = value;
  Json metadata{{"name", secret.name}, {"namespace", secret.home}, {"labels", std::move(labels)}};
  if (!monitor.uid.empty()) metadata["ownerReferences"] = owner_of(monitor);
  return {{"apiVersion", "v1"},
          {"kind", "Secret"},
          {"metadata", std::move(metadata)},
          {"type", "Opaque"},
          {"data", std::move(data)}};
}

}  // namespace tessera::operate
