// What usage costs: CPU of a fleet's rows of one collection interval, and bytes that a device takes for a month. Beside
// it what running sessions do.
#include <benchmark/benchmark.h>

#include <ctime>
#include <filesystem>
#include <string>

#include "base/files.h"
#include "store/archive.h"

namespace {
using namespace tessera;
using namespace std::chrono_literals;

constexpr EpochMs kStart = 1'800'000'000'000;
constexpr EpochMs kSpan = 30'000;

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

fleet::UsageSubject subject(std::uint32_t number, std::uint32_t devices) {
  thread_local std::string uuid;
  const std::uint32_t device = number < devices ? number : (number - devices) % devices;
  uuid = fmt::format("GPU-{:08x}-1111-2222-3333-444444444444", device);
  if (number < devices) return {"default", uuid, std::nullopt, "", 7, 132};
  return {"default", uuid, number / devices, "1g.10gb", 1, 16};
}

/// As it comes: each save has the end of one span and the beginning of the next.
fleet::Usage told(EpochMs time, std::uint32_t subjects, bool owners) {
  static const auto pod = std::make_shared<const fleet::Workload>(fleet::Workload{"ml", "trainer-0", "", "u-1"});
  fleet::Usage out;
  for (int half = 0; half < 2; ++half)
    for (std::uint32_t one = 0; one < subjects; ++one) {
      fleet::SubjectUsage row{one, time + half * kSpan, {}};
      const std::int64_t ms = 15'000;
      row.totals.observed_ms = row.totals.owned_ms = ms;
      for (fleet::FieldTotal& field : row.totals.fields) field = {ms * (5'000 + one % 1'000), ms, 6'000 + one % 1'000};
      out.subjects.push_back(row);
      if (owners) out.owners.push_back({one, time + half * kSpan, std::nullopt, pod, ms, ms, ms});
    }
  return out;
}

void save_a_fleet(benchmark::State& state) {
  const TempDir dir;
  const auto database = *store::Database::open("sqlite:" + (dir.path() / "t.db").string());
  store::Archive archive(*database, 30s, {});
  const auto devices = static_cast<std::uint32_t>(state.range(0)), subjects = devices + devices * 5 / 2;
  EpochMs time = kStart;
  std::int64_t rows = 0;
  double cpu = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const auto usage = told(time, subjects, true);
    state.ResumeTiming();
    const double begin = cpu_seconds();
    const store::Kept kept{{}, {}, {}, {}, &usage, {1, 0, time}};
    if (!archive.keep(kept, [&](std::uint32_t one) { return subject(one, devices); }, time))
      state.SkipWithError("not kept");
    cpu += cpu_seconds() - begin;
    time += kSpan;
    rows += static_cast<std::int64_t>(usage.subjects.size() + usage.owners.size()) * 3;
  }
  state.counters["rows_per_cpu_second"] = static_cast<double>(rows) / cpu;
  state.counters["cpu_seconds_per_interval"] = cpu / static_cast<double>(state.iterations());
}
BENCHMARK(save_a_fleet)->Arg(8'000)->Iterations(10)->Unit(benchmark::kMillisecond);
BENCHMARK(save_a_fleet)->Arg(80'000)->Iterations(3)->Unit(benchmark::kMillisecond);

void bytes_of_a_device(benchmark::State& state) {
  const TempDir dir;
  const auto file = dir.path() / "t.db";
  constexpr std::uint32_t kDevices = 20;
  for (auto _ : state) {
    const auto database = *store::Database::open("sqlite:" + file.string());
    const EpochMs now = kStart + 30LL * 86'400'000;
    store::Archive archive(*database, 30s, {});
    for (EpochMs hour = kStart; hour < now; hour += 3'600'000) {
      fleet::Usage usage;
      for (EpochMs time = hour; time < hour + 3'600'000; time += kSpan) {
        const auto one = told(time, kDevices, state.range(0) != 0);
        for (const auto& row : one.subjects) usage.subjects.push_back(row);
        for (const auto& row : one.owners) usage.owners.push_back(row);
      }
      const store::Kept kept{{}, {}, {}, {}, &usage, {1, 0, hour}};
      if (!archive.keep(kept, [&](std::uint32_t one) { return subject(one, kDevices); }, now))
        state.SkipWithError("not kept");
    }
    if (!database->run("VACUUM")) state.SkipWithError("not packed");
    for (const char* table : {"usage_raw", "usage_5m", "usage_1h", "owned_raw", "owned_5m", "owned_1h"})
      if (!database->each("SELECT COUNT(*), (SELECT SUM(pgsize) FROM dbstat WHERE name = ?) FROM " + std::string(table),
                          std::vector<store::Value>{std::string(table)}, [&](const store::Row& row) {
                            state.counters[table] = row.real(1).value_or(0) / row.real(0).value_or(1);
                          }))
        state.counters[table] = 0;  // a SQLite without dbstat
  }
  state.counters["bytes_per_device"] = static_cast<double>(std::filesystem::file_size(file)) / kDevices;
}
BENCHMARK(bytes_of_a_device)->Arg(0)->Arg(1)->Iterations(1)->Unit(benchmark::kSecond);

/// Of a hundred thousand sessions so many are noted in one transaction: a twelfth every 5 s, all of them at a stop.
void note_sessions(benchmark::State& state) {
  constexpr std::int64_t kSessions = 100'000;
  const TempDir dir;
  const auto file = dir.path() / "t.db";
  const auto database = *store::Database::open("sqlite:" + file.string());
  fleet::SessionFacts facts{4101,
                            "python3",
                            "C",
                            "pod",
                            {"team-nlp", "llama-finetune-worker-0", "main", "0b6c5c52-3c1e-4d0e-9a55-6f2e0d6d7a10"}};
  const auto shared = std::make_shared<const fleet::SessionFacts>(std::move(facts));
  const auto note = [&](std::int64_t from, std::int64_t count, EpochMs time) {
    store::RunningChanges changes;
    for (std::int64_t one = 0; one < count; ++one) {
      const std::int64_t id = (from + one) % kSessions + 1;
      store::RunningSession& row = changes.now.emplace_back();
      row.id = id;
      row.running = {"default",
                     fmt::format("worker-{:05}", id / 10),
                     fmt::format("GPU-{:08x}-1111-2222-3333-444444444444", id),
                     fmt::format("worker-{:05}-GPU-00", id / 10),
                     {}};
      row.running.session.facts = shared;
      row.running.session.start = row.running.session.first_seen = kStart;
      row.running.session.last_seen = row.running.session.util_until = time;
      row.running.session.peak_memory_bytes = 1ULL << 35U;
    }
    return database->atomically([&] { return store::write_running(*database, changes); });
  };
  if (!note(0, kSessions, kStart)) state.SkipWithError("not noted");
  std::int64_t from = 0;
  double cpu = 0;
  for (auto _ : state) {
    const double begin = cpu_seconds();
    if (!note(from, state.range(0), kStart + from)) state.SkipWithError("not noted");
    cpu += cpu_seconds() - begin;
    from += state.range(0);
  }
  state.counters["rows_per_cpu_second"] = static_cast<double>(from) / cpu;
  state.counters["bytes_a_row"] = static_cast<double>(std::filesystem::file_size(file)) / kSessions;
}
BENCHMARK(note_sessions)->Arg(100'000 / 12)->Arg(100'000)->Iterations(5)->Unit(benchmark::kMillisecond);
}  // namespace
