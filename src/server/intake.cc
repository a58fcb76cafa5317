#include "server/intake.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "server/import_page.h"
#include "server/problem.h"
#include "server/query.h"
#include "wire/compression.h"

namespace tessera::server {
namespace {

/// The tag of a journal record: how its body is to be read.
struct Form {
  wire::Protocol protocol;
  wire::Compression compression;
};

std::uint8_t kind_of(const Form& form) {
  return static_cast<std::uint8_t>((form.protocol == wire::Protocol::V2 ? 2 : 1) |
                                   (form.compression == wire::Compression::Zstd ? 0x10 : 0));
}

std::optional<Form> form_of(std::uint8_t kind) {
  const unsigned protocol = kind & 0x0FU;
  if (protocol != 1 && protocol != 2) return std::nullopt;
  return Form{protocol == 2 ? wire::Protocol::V2 : wire::Protocol::V1,
              (kind & 0x10U) != 0 ? wire::Compression::Zstd : wire::Compression::Snappy};
}

/// Which message a request carries; an error says what is taken. A sender that names no type sends version 1, as the
/// first receivers had it.
Result<Form> form_of(const http::Request& request) {
  Form form{wire::Protocol::V1, wire::Compression::Snappy};
  const std::string type = lower(trim(request.header("Content-Type")));
  if (type.find("io.prometheus.write.v2.request") != std::string::npos)
    form.protocol = wire::Protocol::V2;
  else if (!type.empty() && !type.starts_with("application/x-protobuf"))
    return fail(Code::Invalid, "Content-Type '{}': application/x-protobuf expected, alone or with proto=", type);
  else if (type.find("proto=") != std::string::npos && type.find("prometheus.writerequest") == std::string::npos)
    return fail(Code::Invalid,
                "Content-Type '{}': prometheus.WriteRequest (1.0) and io.prometheus.write.v2.Request (2.0) are taken",
                type);
  const std::string encoding = lower(trim(request.header("Content-Encoding")));
  if (encoding == "zstd")
    form.compression = wire::Compression::Zstd;
  else if (!encoding.empty() && encoding != "snappy")
    return fail(Code::Invalid, "Content-Encoding '{}': snappy or zstd expected", encoding);
  return form;
}

/// Which page a request carries. What curl and others send without being told says nothing.
Result<metrics::Format> page_format(std::string_view content_type, std::string_view page) {
  const std::string type = lower(trim(content_type.substr(0, content_type.find(';'))));
  if (type == "application/openmetrics-text") return metrics::Format::OpenMetrics;
  if (type == "text/plain" && content_type.find("version=") != std::string_view::npos) return metrics::Format::Text;
  static constexpr std::string_view kSilent[] = {"", "text/plain", "application/x-www-form-urlencoded",
                                                 "application/octet-stream"};
  if (std::ranges::find(kSilent, type) != std::end(kSilent)) return format_of(page);
  return fail(Code::Invalid, "Content-Type '{}': text/plain or application/openmetrics-text expected", type);
}

/// The parameters of a pushed page: node, cluster, extra_label, timestamp.
PageContext page_context(Query& query, const IntakeLimits& limits, EpochMs now) {
  PageContext out;
  const auto add = [&](std::string_view parameter, std::string_view name, std::string_view value) {
    const auto same = [&](const wire::Label& label) { return label.name == name; };
    if (!is_label_name(name) || name == "__name__" || name.size() > limits.label_name_bytes)
      return query.fault(parameter, fmt::format("'{}' can be no label's name", name.substr(0, 200)));
    if (value.empty() || value.size() > limits.label_value_bytes)
      return query.fault(parameter, fmt::format("a value of 1 to {} bytes is expected", limits.label_value_bytes));
    if (std::ranges::any_of(out.labels, same))
      return query.fault(parameter, fmt::format("label {} is given twice", name));
    out.labels.push_back({std::string(name), std::string(value)});
  };
  for (const std::string_view name : {"node", "cluster"})
    if (const auto value = query.text(name)) add(name, name, *value);
  for (const std::string& label : query.each("extra_label")) {
    const auto equals = label.find('=');
    if (equals == std::string::npos)
      query.fault("extra_label", fmt::format("'{}': name=value is expected", label.substr(0, 200)));
    else
      add("extra_label", std::string_view(label).substr(0, equals), std::string_view(label).substr(equals + 1));
  }
  std::ranges::sort(out.labels, {}, &wire::Label::name);
  out.time = query.whole("timestamp", 0, 253'402'300'799'999, now);  // to the year 9999
  return out;
}

struct RefusalRow {
  std::string_view name;
  int status;
  std::string_view type;  ///< of the problem
};
// In the order of Refusal.
constexpr std::array<RefusalRow, kRefusals> kRefusalRows = {{{"too_large", 413, "too-large"},
                                                             {"bad_encoding", 415, "unsupported-type"},
                                                             {"bad_message", 400, "invalid-samples"},
                                                             {"bad_labels", 400, "invalid-samples"},
                                                             {"busy", 503, "busy"},
                                                             {"disk", 503, "journal-full"}}};

}  // namespace

std::string_view refusal_name(Refusal refusal) { return kRefusalRows[static_cast<std::size_t>(refusal)].name; }

Intake::Intake(IntakeLimits limits, journal::Journal& journal, Keeper& keeper)
    : limits_(limits), journal_(journal), keeper_(keeper) {}

IntakeStats Intake::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

http::Response Intake::refuse(const http::Request& request, Refusal why, std::string detail) {
  {
    const std::lock_guard lock(mutex_);
    ++stats_.refused[static_cast<std::size_t>(why)];
    stats_.last_refusal = detail.substr(0, 500);
  }
  senders_.refused(request, detail, keeper_.clock().now());
  const RefusalRow& row = kRefusalRows[static_cast<std::size_t>(why)];
  return reply({row.status, row.type, std::move(detail)}, request);
}

std::optional<http::Response> Intake::too_much(const http::Request& request) {
  if (request.body.size() > limits_.body_bytes)
    return refuse(request, Refusal::TooLarge,
                  fmt::format("a body of {} bytes: at most {} are taken", request.body.size(), limits_.body_bytes));
  if (!keeper_.has_room())
    return refuse(request, Refusal::Busy, "the server is behind with what it has accepted: send this again");
  if (journal_.stats().pending_bytes > limits_.backlog_bytes)
    return refuse(
        request, Refusal::Disk,
        fmt::format("more than {} bytes wait to be saved: the server's log says why its database takes nothing",
                    limits_.backlog_bytes));
  return std::nullopt;
}

std::optional<http::Response> Intake::accept(const http::Request& request, Batch batch, std::uint8_t kind,
                                             std::string_view body, const LeftOut& left_out) {
  const std::size_t samples = batch.samples.size(), exemplars = batch.exemplars, histograms = batch.histograms;
  const auto newest = batch.newest;
  if (samples > 0)
    if (const auto kept = keep(std::move(batch), kind, body); !kept)
      return refuse(request, Refusal::Disk, kept.error().what);
  senders_.took(request, samples, left_out.too_new + left_out.too_old, newest, keeper_.clock().now());
  const std::lock_guard lock(mutex_);
  ++stats_.requests;
  stats_.samples += samples;
  stats_.too_new += left_out.too_new;
  stats_.too_old += left_out.too_old;
  stats_.exemplars += exemplars;
  stats_.histograms += histograms;
  return std::nullopt;
}

http::Response Intake::write(const http::Request& request, std::size_t* told) {
  const auto form = form_of(request);
  if (!form) return refuse(request, Refusal::BadEncoding, form.error().what);
  if (auto refused = too_much(request)) return *std::move(refused);
  auto message = wire::decompress(form->compression, request.body, limits_.message_bytes, keeper_.spare_message());
  if (!message) return refuse(request, Refusal::BadMessage, message.error().what);
  LeftOut left_out;
  auto batch = read_batch(form->protocol, *std::move(message), limits_, keeper_.clock().range(), judged_, left_out);
  if (!batch) {
    const bool labels = batch.error().what.starts_with("series ") || batch.error().what.starts_with("a series ");
    return refuse(request, labels ? Refusal::BadLabels : Refusal::BadMessage, batch.error().what);
  }
  const std::size_t samples = batch->samples.size();
  if (batch->newest) keeper_.clock().heard(*batch->newest);
  if (told) *told = samples + batch->exemplars + batch->histograms;
  if (auto refused = accept(request, *std::move(batch), kind_of(*form), request.body, left_out))
    return *std::move(refused);
  http::Response out;
  out.status = 204;
  out.headers.emplace_back("X-Request-Id", request_id(request));
  if (form->protocol == wire::Protocol::V2) {
    out.headers.emplace_back("X-Prometheus-Remote-Write-Samples-Written", std::to_string(samples));
    out.headers.emplace_back("X-Prometheus-Remote-Write-Histograms-Written", "0");
    out.headers.emplace_back("X-Prometheus-Remote-Write-Exemplars-Written", "0");
  }
  return out;
}

http::Response Intake::import_page(const http::Request& request, std::size_t* told) {
  constexpr Form kKept{wire::Protocol::V1, wire::Compression::Snappy};
  constexpr std::size_t kMostKept = 60U << 20U;  // of a record of the journal
  Query query(request);
  PageContext context = page_context(query, limits_, keeper_.clock().now());
  if (!query.finish()) return reply(*query.problem(), request);
  if (auto refused = too_much(request)) return *std::move(refused);
  const auto page = http::decoded(request.header("Content-Encoding"), request.body, limits_.page_bytes);
  if (!page) {
    const Refusal why = page.error().code == Code::Denied    ? Refusal::TooLarge
                        : page.error().code == Code::Invalid ? Refusal::BadEncoding
                                                             : Refusal::BadMessage;
    return refuse(request, why, page.error().what);
  }
  const auto format = page_format(request.header("Content-Type"), *page);
  if (!format) return refuse(request, Refusal::BadEncoding, format.error().what);
  context.format = *format;
  auto message = page_message(*page, context, limits_);
  if (!message) return refuse(request, Refusal::BadMessage, message.error().what);
  const std::string body(wire::Compressor(kKept.compression).compress(*message));
  LeftOut left_out;
  auto batch = read_batch(kKept.protocol, *std::move(message), limits_, keeper_.clock().range(), judged_, left_out);
  if (!batch) return refuse(request, Refusal::BadLabels, batch.error().what);
  if (told) *told = batch->samples.size();
  if (body.size() > kMostKept)
    return refuse(request, Refusal::TooLarge, "a page too large to be kept: send it in parts");
  if (auto refused = accept(request, *std::move(batch), kind_of(kKept), body, left_out)) return *std::move(refused);
  http::Response out;
  out.status = 204;
  out.headers.emplace_back("X-Request-Id", request_id(request));
  return out;
}

Result<void> Intake::keep(Batch batch, std::uint8_t kind, std::string_view body) {
  journal::Sequence sequence = 0;
  {
    const std::lock_guard lock(order_mutex_);
    batch.arrived = keeper_.clock().now();
    sequence = TRY(journal_.append(batch.arrived, static_cast<std::uint32_t>(batch.samples.size()), kind, body));
    batch.sequence = sequence;
    keeper_.take(std::move(batch));
  }
  return wait_until_synced(sequence);
}

// Whoever finds nobody syncing syncs for all that were appended before.
Result<void> Intake::wait_until_synced(journal::Sequence sequence) {
  std::unique_lock lock(mutex_);
  while (synced_ < sequence) {
    if (syncing_) {
      synced_changed_.wait(lock);
      continue;
    }
    syncing_ = true;
    lock.unlock();
    const journal::Sequence up_to = journal_.last();
    const auto synced = journal_.sync();
    lock.lock();
    syncing_ = false;
    synced_changed_.notify_all();
    if (!synced) return synced;
    synced_ = std::max(synced_, up_to);
  }
  return {};
}

Result<Batch> Intake::read_again(std::uint8_t kind, std::string_view body, EpochMs arrived) const {
  const auto form = form_of(kind);
  if (!form) return fail(Code::Invalid, "a record of kind {}", kind);
  auto message = TRY(wire::decompress(form->compression, body, limits_.message_bytes));
  LeftOut left_out;
  Batch out = TRY(read_batch(form->protocol, std::move(message), limits_, arrived, judged_, left_out));
  out.arrived = arrived;
  return out;
}

void Intake::take_over(const OfAnother& from, std::uint8_t kind, std::string_view body, EpochMs arrived) {
  // One of a version that does not tell when it had arrived.
  auto batch = read_again(kind, body, arrived > 0 ? arrived : keeper_.clock().now());
  if (!batch)
    log::error("a record that was handed over cannot be read and is left out",
               {{"journal", from.journal}, {"sequence", std::to_string(from.sequence)}, {"why", batch.error().what}});
  if (!batch) batch = Batch{};
  batch->of_another = from;
  keeper_.wait_for_room();
  keeper_.take(*std::move(batch));
}

Result<Intake::Replayed> Intake::replay(journal::Sequence position) {
  Replayed out;
  for (;;) {
    auto record = TRY(journal_.next(std::chrono::steady_clock::now(), {}));
    if (!record) {
      keeper_.caught_up();
      return out;
    }
    if (record->sequence <= position) continue;
    ++out.records;
    auto batch = read_again(record->kind, record->body, record->time);
    if (!batch) {
      log::error("a record of the journal cannot be read again and is left out",
                 {{"sequence", std::to_string(record->sequence)}, {"why", batch.error().what}});
      continue;
    }
    batch->sequence = out.last = record->sequence;
    keeper_.wait_for_room();
    keeper_.take(*std::move(batch));
  }
}

}  // namespace tessera::server
