#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/files.h"
#include "journal/journal.h"

// Files made of whole records, damage and arbitrary bytes: open comes to an end, only records that were sealed come
// out, behind the cursor and in order, the journal works on, and every record is counted once. The input is a list of
// steps.
namespace {
using namespace tessera::journal;

void require(bool holds) {
  if (!holds) std::abort();
}

class Steps {
 public:
  Steps(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}
  bool empty() const { return rest_.empty(); }
  std::uint8_t byte() { return rest_.empty() ? 0 : static_cast<std::uint8_t>(take(1)[0]); }
  std::string_view take(std::size_t size) {
    const auto out = rest_.substr(0, size);
    rest_.remove_prefix(out.size());
    return out;
  }

 private:
  std::string_view rest_;
};

/// The folder as the steps describe it.
struct Folder {
  struct Sealed {
    Header header;
    std::string body;
  };
  std::filesystem::path dir;
  std::vector<Sealed> sealed;
  std::string segment, cursor = std::string(8192, '\0');
  Sequence first = 1, last = 0;
  std::uint64_t items = 0;

  static constexpr std::uint64_t kSalt = 0x5A17;

  static void write(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  void finish_segment() { write(dir / fmt::format("{:020}-{:016x}.journal1", first, kSalt), segment); }

  void seal(Steps& steps) {
    last += steps.byte() % 4U;
    Header header{last, items, steps.byte(), steps.byte(), 0, steps.byte(), 0};
    const std::string body(steps.take(steps.byte()));
    header.length = static_cast<std::uint32_t>(body.size());
    header.body_sum = checksum(body);
    items += header.items;
    const auto bytes = encode(header, kSalt);
    segment.append(bytes.data(), bytes.size()).append(body);
    sealed.push_back({header, body});
  }
  void point(Steps& steps) {  // a cursor's slot that holds
    const std::uint64_t at = steps.byte() % 2U * 4096U;
    std::uint64_t slot[] = {0x31524F5352554354, steps.byte(), steps.byte(), 0};
    slot[3] = checksum({reinterpret_cast<const char*>(slot), 24});
    cursor.replace(at, sizeof slot, reinterpret_cast<const char*>(slot), sizeof slot);
  }
  void step(Steps& steps) {
    const auto in = [&](const std::string& bytes) { return (steps.byte() * 256U + steps.byte()) % (bytes.size() + 1); };
    switch (steps.byte() % 8) {
      case 0:
        segment.append(steps.take(steps.byte()));
        break;
      case 1:
        if (const auto at = in(segment); at < segment.size()) segment[at] = static_cast<char>(steps.byte());
        break;
      case 2:
        segment.resize(in(segment));
        break;
      case 3:
        finish_segment();
        segment.clear();
        first = std::max<Sequence>(1, last + steps.byte() % 3U);
        break;
      case 4:
        point(steps);
        break;
      case 5:
        if (const auto at = in(cursor); at < cursor.size()) cursor[at] = static_cast<char>(steps.byte());
        break;
      default:
        seal(steps);
    }
  }
  bool has_sealed(const Record& record) const {
    return std::ranges::any_of(sealed, [&](const Sealed& s) {
      return s.header.sequence == record.sequence && s.header.time == record.time && s.header.items == record.items &&
             s.header.kind == record.kind && s.body == record.body;
    });
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const tessera::TempDir dir;
  Folder folder{.dir = dir.path(), .sealed = {}, .segment = {}};
  for (Steps steps(data, size); !steps.empty();) folder.step(steps);
  folder.finish_segment();
  Folder::write(dir.path() / "cursor", folder.cursor);

  Sequence last = Cursor::open(dir.path() / "cursor")->mark().sequence;
  const auto opened = Journal::open({.dir = dir.path(), .segment_bytes = 200});
  require(static_cast<bool>(opened));
  Journal& journal = **opened;
  const auto dropped = [&] {
    std::uint64_t sum = 0;
    for (const auto& count : journal.stats().dropped) sum += count.records;
    return sum;
  };
  const std::uint64_t at_open = journal.stats().pending.records + dropped();
  for (auto record = *journal.next({}, {}); record; record = *journal.next({}, {})) {
    require(record->sequence > last && folder.has_sealed(*record));
    last = record->sequence;
    if (last % 3 == 0) require(static_cast<bool>(journal.acknowledge(last)));
  }
  const auto more = journal.append(1, 1, 1, "more");
  require(more && *more > last && (*journal.next({}, {}))->body == "more");
  require(static_cast<bool>(journal.acknowledge(*more)));
  const Stats stats = journal.stats();
  require(stats.pending.records == 0 && at_open + 1 == stats.acknowledged.records + dropped());
  return 0;
}
