#include "bench/server/fleet_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <stdexcept>
#include <utility>

#include "metrics/parse.h"
#include "wire/write_request.h"

namespace tessera::bench {
namespace {

constexpr std::size_t kDigits = 6;
constexpr EpochMs kTemplateTime = 1'800'000'123'456;
constexpr std::size_t kTimeBytes = 6;

/// Labels that tell one node's things from those of another, but for its name.
const std::set<std::string_view> kIds = {"UUID", "uuid", "mig_uuid", "pod_uid", "DCGM_FI_DEV_SERIAL"};

struct Collect : metrics::PageReader {
  wire::WriteRequest request;
  std::set<std::string> ids;
  void sample(const metrics::Sample& sample) override {
    wire::Series series;
    series.labels = {
        {"__name__", std::string(sample.name)}, {"job", "tessera-agent"}, {"node", std::string(kTemplateNode)}};
    for (const metrics::Label& one : sample.labels) {
      if (one.value.empty() || one.name == "node") continue;
      if (kIds.contains(one.name) && one.value.size() >= kDigits) ids.insert(std::string(one.value));
      series.labels.push_back({std::string(one.name), std::string(one.value)});
    }
    std::ranges::sort(series.labels, {}, &wire::Label::name);
    series.samples = {{sample.value, kTemplateTime}};
    request.series.push_back(std::move(series));
  }
};

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7U) out += static_cast<char>(value | 0x80U);
  return out + static_cast<char>(value);
}

std::vector<std::size_t> places(std::string_view text, std::string_view part) {
  std::vector<std::size_t> out;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size()))
    out.push_back(at);
  return out;
}

}  // namespace

FleetStream::FleetStream(const std::string& page) {
  Collect collect;
  if (const auto read = metrics::parse_text(page, collect); !read) throw std::runtime_error(read.error().what);
  message_ = wire::encode(wire::Protocol::V1, collect.request);
  for (const std::size_t at : places(message_, kTemplateNode))
    node_digits_.push_back(at + kTemplateNode.size() - kDigits);
  for (const std::string& id : collect.ids)
    for (const std::size_t at : places(message_, id)) id_digits_.push_back(at + id.size() - kDigits);
  // A sample is its length, its value (tag 9, eight bytes; left out where it is 0) and its time (tag 16).
  constexpr std::string_view kWithValue = "\x10\x09";
  for (const std::size_t at : places(message_, '\x10' + varint(kTemplateTime))) {
    times_.push_back(at + 1);
    if (message_.compare(at - sizeof(double) - kWithValue.size(), kWithValue.size(), kWithValue) != 0) continue;
    double value = 0;
    std::memcpy(&value, message_.data() + at - sizeof value, sizeof value);
    if (value != std::floor(value)) values_.emplace_back(at - sizeof value, value);
  }
  if (times_.size() != collect.request.series.size() || node_digits_.empty() || id_digits_.empty())
    throw std::runtime_error(fmt::format("a page of {} series with {} times, {} names of its node, {} of its devices",
                                         collect.request.series.size(), times_.size(), node_digits_.size(),
                                         id_digits_.size()));
}

std::string_view FleetStream::body(unsigned node, EpochMs time) {
  const std::string digits = fmt::format("{:06}", node), hexadecimal = fmt::format("{:06x}", node);
  const std::string when = varint(static_cast<std::uint64_t>(time));
  if (when.size() != kTimeBytes) throw std::runtime_error(fmt::format("the time {} takes {} bytes", time, when.size()));
  const auto put = [&](std::size_t at, std::string_view bytes) {
    std::memcpy(message_.data() + at, bytes.data(), bytes.size());
  };
  for (const std::size_t at : node_digits_) put(at, digits);
  for (const std::size_t at : id_digits_) put(at, hexadecimal);
  for (const std::size_t at : times_) put(at, when);
  std::uint64_t noise = node * 2654435761U + static_cast<std::uint64_t>(time / 1000);
  for (const auto& [at, value] : values_) {
    noise = noise * 6364136223846793005U + 1442695040888963407U;
    const double now = value * (1 - static_cast<double>(noise >> 60U) / 64);  // up to a quarter less
    std::memcpy(message_.data() + at, &now, sizeof now);
  }
  return compressor_.compress(message_);
}

}  // namespace tessera::bench
