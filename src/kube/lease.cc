#include "kube/lease.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "kube/json_slice.h"
#include "kube/status.h"

namespace tessera::kube {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxBytes = 4U << 20U;

/// Kubernetes' MicroTime: exactly six digits of a second.
std::string micro_time(EpochMs now) {
  std::string text = format_time(now);
  text.pop_back();
  return text + "000Z";
}

const Json& part(const Json& object, const char* name) {
  static const Json kNone = Json::object();
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? *found : kNone;
}

std::string text(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// nullopt where it is absent or no number that fits.
std::optional<std::int64_t> number(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  constexpr std::int64_t kMost = 1'000'000'000;
  const auto value = found->get<std::int64_t>();
  return value < 0 || value > kMost ? std::nullopt : std::optional(value);
}

/// Owners of other kinds stay; an account of the same name that was there before is no more.
void belong(Json& metadata, const ServiceAccount& owner) {
  Json others = Json::array();
  if (const auto found = metadata.find("ownerReferences"); found != metadata.end() && found->is_array())
    for (const Json& one : *found)
      if (text(one, "kind") != "ServiceAccount" || text(one, "name") != owner.name) others.push_back(one);
  others.push_back({{"apiVersion", "v1"}, {"kind", "ServiceAccount"}, {"name", owner.name}, {"uid", owner.uid}});
  metadata["ownerReferences"] = std::move(others);
}

}  // namespace

Result<Lease> parse_lease(std::string_view json) {
  const Json object = Json::parse(json, nullptr, false);
  if (!object.is_object()) return fail(Code::Invalid, "lease: a JSON object expected");
  const Json& metadata = part(object, "metadata");
  const Json& spec = part(object, "spec");
  Lease lease;
  lease.name = text(metadata, "name");
  if (lease.name.empty()) return fail(Code::Invalid, "lease: no metadata.name");
  lease.version = text(metadata, "resourceVersion");
  for (const auto& [name, value] : part(metadata, "labels").items())
    if (value.is_string()) lease.labels[name] = value.get<std::string>();
  lease.holder = text(spec, "holderIdentity");
  lease.duration = std::chrono::seconds(number(spec, "leaseDurationSeconds").value_or(0));
  lease.acquired = text(spec, "acquireTime");
  lease.renewed = text(spec, "renewTime");
  lease.transitions = number(spec, "leaseTransitions").value_or(0);
  lease.object = json;
  return lease;
}

std::string lease_json(const Lease& lease, const std::string& space, const std::optional<ServiceAccount>& owner) {
  Json object = Json::parse(lease.object, nullptr, false);
  if (!object.is_object()) object = Json::object();
  object["apiVersion"] = "coordination.k8s.io/v1";
  object["kind"] = "Lease";
  Json& metadata = object["metadata"];
  metadata["name"] = lease.name;
  metadata["namespace"] = space;
  if (!lease.version.empty()) metadata["resourceVersion"] = lease.version;
  if (!lease.labels.empty()) metadata["labels"] = lease.labels;
  if (owner && owner->space == space) belong(metadata, *owner);
  Json& spec = object["spec"];
  if (!spec.is_object()) spec = Json::object();
  spec["holderIdentity"] = lease.holder;
  // Kubernetes takes whole seconds, at least one.
  spec["leaseDurationSeconds"] =
      std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(lease.duration).count());
  if (!lease.acquired.empty()) spec["acquireTime"] = lease.acquired;
  if (!lease.renewed.empty()) spec["renewTime"] = lease.renewed;
  spec["leaseTransitions"] = lease.transitions;
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Lease held_by(Lease lease, const std::string& holder, Milliseconds duration, EpochMs now) {
  const std::string time = micro_time(now);
  if (lease.holder != holder) {
    if (!lease.version.empty()) ++lease.transitions;
    lease.acquired = time;
    lease.holder = holder;
  }
  lease.renewed = time;
  lease.duration = duration;
  return lease;
}

Lease released(Lease lease, EpochMs now) {
  lease.holder.clear();
  lease.renewed = micro_time(now);
  return lease;
}

Leases::Leases(ApiServer server, std::string space, Milliseconds deadline)
    : token_file_(server.token_file),
      api_(std::move(server)),
      space_(std::move(space)),
      path_("/apis/coordination.k8s.io/v1/namespaces/" + space_ + "/leases"),
      deadline_(deadline) {}

/// As a stream, because that can be stopped.
Result<http::ClientResponse> Leases::call(ApiRequest request, const std::stop_token& stop) {
  request.deadline = request.stall_limit = deadline_;
  request.max_body_bytes = kMaxBytes;
  const SteadyTime latest = std::chrono::steady_clock::now() + 2 * deadline_;
  std::string body;
  bool late = false;
  auto reply = TRY(api_.stream(
      request,
      [&](std::string_view chunk) {
        late = std::chrono::steady_clock::now() > latest;
        body += chunk;
        return !late && body.size() <= kMaxBytes;
      },
      stop));
  if (late)
    return fail(Code::Unavailable, "{}: the reply was not whole within {}", api_.tried(request),
                format_duration(2 * deadline_));
  if (body.size() > kMaxBytes)
    return fail(Code::Invalid, "{}: the reply is longer than {} bytes", api_.tried(request), kMaxBytes);
  if (reply.status / 100 == 2) reply.body = std::move(body);
  return reply;
}

Error Leases::refused(const ApiRequest& request, const http::ClientResponse& reply) const {
  return refusal(read_status(reply.status, reply.body, reply.header("retry-after")), api_.tried(request),
                 needed_right(request.method, request.path, false));
}

const std::optional<ServiceAccount>& Leases::account() {
  if (account_ || token_file_.empty()) return account_;
  if (const auto token = read_file(token_file_)) account_ = service_account_of(*token);
  return account_;
}

Result<std::optional<Lease>> Leases::read(const std::string& name, const std::stop_token& stop) {
  ApiRequest request;
  request.path = path_ + '/' + name;
  const auto reply = TRY(call(request, stop));
  if (reply.status == 404) return std::optional<Lease>();
  if (reply.status / 100 != 2) return refused(request, reply);
  return std::optional(TRY(parse_lease(reply.body)));
}

Result<std::vector<Lease>> Leases::list(const std::string& label_selector, const std::stop_token& stop) {
  ApiRequest request;
  request.path = path_;
  if (!label_selector.empty()) request.query = {{"labelSelector", label_selector}};
  const auto reply = TRY(call(request, stop));
  if (reply.status / 100 != 2) return refused(request, reply);
  const auto items = is_json(reply.body) ? member(reply.body, "items") : std::nullopt;
  if (!items) return fail(Code::Invalid, "{}: the reply is no list", api_.tried(request));
  std::vector<Lease> leases;
  std::optional<Error> wrong;
  each_item(*items, [&](std::string_view item) {
    auto lease = parse_lease(item);
    if (lease)
      leases.push_back(*std::move(lease));
    else
      wrong = lease.error();
  });
  if (wrong) return fail(wrong->code, "{}: {}", api_.tried(request), wrong->what);
  return leases;
}

Result<std::optional<Lease>> Leases::write(const Lease& lease, const std::stop_token& stop) {
  const bool is_new = lease.version.empty();
  ApiRequest request;
  request.method = is_new ? "POST" : "PUT";
  request.path = is_new ? path_ : path_ + '/' + lease.name;
  request.body = lease_json(lease, space_, account());
  const auto reply = TRY(call(request, stop));
  if (reply.status == 409 || (!is_new && reply.status == 404)) return std::optional<Lease>();
  if (reply.status / 100 != 2) return refused(request, reply);
  return std::optional(TRY(parse_lease(reply.body)));
}

void LeaseSight::saw(const Lease* lease, SteadyTime when) {
  auto word = lease ? std::optional(Word(lease->holder, lease->renewed)) : std::nullopt;
  const bool changed = lease && word != word_;
  if (changed)
    silence_ = SteadyTime::duration::zero();
  else if (looked_)
    silence_ += std::min<SteadyTime::duration>(when - *looked_, most_apart_);
  word_ = std::move(word);
  looked_ = when;
}

}  // namespace tessera::kube
