#include "fleet/view_bytes.h"

#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

// One function per type walks its members, for writing and for reading alike, so that the two cannot differ. Members
// are taken apart by structured bindings: a type that gets another member does not compile here until it is carried
// too.
namespace tessera::fleet {
namespace {

constexpr std::uint8_t kForm = 2;  // counted up with every change: servers of two versions do not misread each other

class Writer {
 public:
  void number(std::uint64_t value) {  // seven bits a byte
    for (; value >= 0x80; value >>= 7U) out += static_cast<char>(value | 0x80);
    out += static_cast<char>(value);
  }
  void bytes(std::string_view text) { out += text; }
  std::string out;
};

class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) return fail();
      const auto byte = static_cast<std::uint8_t>(rest_[0]);
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    return fail();
  }
  std::string_view bytes(std::uint64_t count) {
    if (count > rest_.size()) {
      fail();
      return {};
    }
    const auto out = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return out;
  }
  /// How many follow: each takes a byte at least.
  std::size_t count() {
    const std::uint64_t count = number();
    return count > rest_.size() ? fail() : count;
  }
  bool good() const { return good_; }
  bool done() const { return good_ && rest_.empty(); }

 private:
  std::uint64_t fail() {
    good_ = false;
    rest_ = {};
    return 0;
  }
  std::string_view rest_;
  bool good_ = true;
};

void walk(Writer& to, const std::string& text) {
  to.number(text.size());
  to.bytes(text);
}
void walk(Reader& from, std::string& text) { text = from.bytes(from.number()); }

template <class T>
  requires(std::is_unsigned_v<T> || std::is_enum_v<T>)
void walk(Writer& to, const T& value) {
  to.number(static_cast<std::uint64_t>(value));
}
template <class T>
  requires(std::is_unsigned_v<T> || std::is_enum_v<T>)
void walk(Reader& from, T& value) {
  value = static_cast<T>(from.number());
}

void walk(Writer& to, const EpochMs& time) { to.number(static_cast<std::uint64_t>(time)); }
void walk(Reader& from, EpochMs& time) { time = static_cast<EpochMs>(from.number()); }

void walk(Writer& to, const double& value) {
  const auto bits = std::bit_cast<std::array<char, sizeof value>>(value);
  to.bytes({bits.data(), bits.size()});
}
void walk(Reader& from, double& value) {
  const auto bytes = from.bytes(sizeof value);
  if (bytes.size() == sizeof value) std::memcpy(&value, bytes.data(), sizeof value);
}

// Declared before the templates that use them.
template <class Archive, class T>
void walk_part(Archive& archive, T& part);

#define TESSERA_WALK(Type)                                           \
  void walk(Writer& to, const Type& value) { walk_part(to, value); } \
  void walk(Reader& from, Type& value) { walk_part(from, value); }

template <class T>
void walk(Writer& to, const std::optional<T>& value);
template <class T>
void walk(Reader& from, std::optional<T>& value);
template <class T>
void walk(Writer& to, const std::vector<T>& values);
template <class T>
void walk(Reader& from, std::vector<T>& values);
template <class T>
void walk(Writer& to, const std::shared_ptr<const T>& value);
template <class T>
void walk(Reader& from, std::shared_ptr<const T>& value);
void walk(Writer& to, const std::map<unsigned, std::uint64_t>& values);
void walk(Reader& from, std::map<unsigned, std::uint64_t>& values);
void walk(Writer& to, const gpu::Readings& readings);
void walk(Reader& from, gpu::Readings& readings);

template <class Archive, class... Parts>
void walk_all(Archive& archive, Parts&... parts) {
  (walk(archive, parts), ...);
}

template <class Archive, class T>
void walk_part(Archive& archive, T& part) {
  using Plain = std::remove_const_t<T>;
  if constexpr (std::is_same_v<Plain, Part> || std::is_same_v<Plain, gpu::Placement>) {
    auto& [a, b] = part;
    walk_all(archive, a, b);
  } else if constexpr (std::is_same_v<Plain, Workload>) {
    auto& [space, pod, container, uid] = part;
    walk_all(archive, space, pod, container, uid);
  } else if constexpr (std::is_same_v<Plain, gpu::Profile>) {
    auto& [id, name, slices, sms, memory, most, placements] = part;
    walk_all(archive, id, name, slices, sms, memory, most, placements);
  } else if constexpr (std::is_same_v<Plain, InstanceFacts>) {
    auto& [uuid, profile, placement, slices, sms, memory] = part;
    walk_all(archive, uuid, profile, placement, slices, sms, memory);
  } else if constexpr (std::is_same_v<Plain, Instance>) {
    auto& [at, facts, readings, quiet, first, last] = part;
    walk_all(archive, at, facts, readings, quiet, first, last);
  } else if constexpr (std::is_same_v<Plain, SessionFacts>) {
    auto& [pid, command, type, attribution, workload] = part;
    walk_all(archive, pid, command, type, attribution, workload);
  } else if constexpr (std::is_same_v<Plain, Session>) {
    // Up to when samples are counted is for who counts them.
    auto& [row, at, facts, start, first, last, memory, peak, util, memory_util, sum, samples, until] = part;
    static_cast<void>(until);
    walk_all(archive, row, at, facts, start, first, last, memory, peak, util, memory_util, sum, samples);
  } else if constexpr (std::is_same_v<Plain, AllocationFacts>) {
    auto& [workload, resource, shared, replicas] = part;
    walk_all(archive, workload, resource, shared, replicas);
  } else if constexpr (std::is_same_v<Plain, Allocation>) {
    auto& [row, at, facts, used, first, last] = part;
    walk_all(archive, row, at, facts, used, first, last);
  } else if constexpr (std::is_same_v<Plain, DeviceFacts>) {
    auto& [uuid, index, name, bus, serial, architecture, capability, driver, mig, pending, slices, sms, memory,
           profiles] = part;
    walk_all(archive, uuid, index, name, bus, serial, architecture, capability, driver, mig, pending, slices, sms,
             memory, profiles);
  } else if constexpr (std::is_same_v<Plain, Device>) {
    // When its agent told last is for who waits for it.
    auto& [facts, presence, up, up_told, readings, quiet, instances, sessions, allocations, xids, widest, layout, first,
           last, heard, live] = part;
    static_cast<void>(up_told);
    walk_all(archive, facts, presence, up, readings, quiet, instances, sessions, allocations, xids, widest, layout,
             first, last, heard, live);
  } else if constexpr (std::is_same_v<Plain, Latency>) {
    auto& [mean, p50, p90, p99] = part;
    walk_all(archive, mean, p50, p90, p99);
  } else if constexpr (std::is_same_v<Plain, Served>) {
    auto& [cluster, space, pod, uid, container, node, instance, engine, model, role, ranks, running, waiting, kv_used,
           kv_capacity, asleep, window, prompts, generated, finished, hits, preemptions, first_token, inter_token,
           end_to_end, queue, first, last] = part;
    walk_all(archive, cluster, space, pod, uid, container, node, instance, engine, model, role, ranks, running, waiting,
             kv_used, kv_capacity, asleep, window, prompts, generated, finished, hits, preemptions, first_token,
             inter_token, end_to_end, queue, first, last);
  } else {
    static_assert(std::is_same_v<Plain, Node>);
    auto& [cluster, name, devices, last] = part;
    walk_all(archive, cluster, name, devices, last);
  }
}

TESSERA_WALK(Part)
TESSERA_WALK(gpu::Placement)
TESSERA_WALK(Workload)
TESSERA_WALK(gpu::Profile)
TESSERA_WALK(InstanceFacts)
TESSERA_WALK(Instance)
TESSERA_WALK(SessionFacts)
TESSERA_WALK(Session)
TESSERA_WALK(AllocationFacts)
TESSERA_WALK(Allocation)
TESSERA_WALK(DeviceFacts)
TESSERA_WALK(Device)
TESSERA_WALK(Latency)
#undef TESSERA_WALK

template <class T>
void walk(Writer& to, const std::optional<T>& value) {
  to.number(value ? 1 : 0);
  if (value) walk(to, *value);
}
template <class T>
void walk(Reader& from, std::optional<T>& value) {
  value.reset();
  if (from.number() != 0) walk(from, value.emplace());
}

template <class T>
void walk(Writer& to, const std::vector<T>& values) {
  to.number(values.size());
  for (const T& one : values) walk(to, one);
}
template <class T>
void walk(Reader& from, std::vector<T>& values) {
  for (std::size_t left = from.count(); left > 0 && from.good(); --left) walk(from, values.emplace_back());
}

template <class T>
void walk(Writer& to, const std::shared_ptr<const T>& value) {
  to.number(value ? 1 : 0);
  if (value) walk(to, *value);
}
template <class T>
void walk(Reader& from, std::shared_ptr<const T>& value) {
  if (from.number() == 0) return;
  T made;
  walk(from, made);
  value = std::make_shared<const T>(std::move(made));
}

void walk(Writer& to, const std::map<unsigned, std::uint64_t>& values) {
  to.number(values.size());
  for (const auto& [key, value] : values) walk_all(to, key, value);
}
void walk(Reader& from, std::map<unsigned, std::uint64_t>& values) {
  for (std::size_t left = from.count(); left > 0 && from.good(); --left) {
    unsigned key = 0;
    walk(from, key);
    walk(from, values[key]);
  }
}

void walk(Writer& to, const gpu::Readings& readings) {
  for (std::size_t i = 0; i < gpu::kReadingCount; ++i)
    if (const auto value = readings[static_cast<gpu::Reading>(i)]) {
      to.number(i + 1);
      walk(to, *value);
    }
  to.number(0);
}
void walk(Reader& from, gpu::Readings& readings) {
  for (std::uint64_t i = from.number(); i > 0 && i <= gpu::kReadingCount; i = from.number()) {
    double value = 0;
    walk(from, value);
    readings.set(static_cast<gpu::Reading>(i - 1), value);
  }
}

/// Where the parts of a node are used, their facts are there.
bool is_whole(const Node& node) {
  for (const Device& device : node.devices) {
    if (!device.facts || device.presence > Presence::Retired) return false;
    for (const Instance& one : device.instances)
      if (!one.facts) return false;
    for (const Session& one : device.sessions)
      if (!one.facts) return false;
    for (const Allocation& one : device.allocations)
      if (!one.facts) return false;
  }
  return true;
}

bool is_whole(const Served& engine) { return static_cast<std::size_t>(engine.engine) < kEngines; }

template <class T>
std::string bytes_of(const T& one) {
  Writer to;
  to.number(kForm);
  walk_part(to, one);
  return std::move(to.out);
}

template <class T>
Result<T> from_bytes(std::string_view bytes, std::string_view what) {
  Reader from(bytes);
  if (const std::uint64_t form = from.number(); form != kForm)
    return fail(Code::Invalid,
                "{} of {} bytes in form {}, which a server of another version has written: form {} is read", what,
                bytes.size(), form, kForm);
  T out;
  walk_part(from, out);
  if (!from.done() || !is_whole(out)) return fail(Code::Invalid, "{} of {} bytes, not whole", what, bytes.size());
  return out;
}

}  // namespace

std::string to_bytes(const Node& node) { return bytes_of(node); }
std::string to_bytes(const Served& engine) { return bytes_of(engine); }
Result<Node> node_from_bytes(std::string_view bytes) { return from_bytes<Node>(bytes, "a node"); }
Result<Served> engine_from_bytes(std::string_view bytes) { return from_bytes<Served>(bytes, "an engine"); }

}  // namespace tessera::fleet
