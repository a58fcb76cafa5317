#pragma once
// The request that one shard of a destination is filling. Sealed, it is a body ready to be sent, and goes into the
// shard's queue. Thread contract: the scrape thread.
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "base/duration.h"
#include "relay/request_kind.h"
#include "wire/compression.h"
#include "wire/request_writer.h"

namespace tessera::relay {

/// A finished request.
struct SealedBatch {
  RequestKind kind = RequestKind::V2Snappy;
  std::uint32_t samples = 0;
  EpochMs newest = 0;     ///< of its samples' times
  std::string_view body;  ///< compressed; for this call only
};

struct BatchOptions {
  std::size_t max_samples = 10'000;
  std::size_t max_bytes = 16U << 20U;  ///< before compression: receivers have limits
  std::size_t max_metadata = 2'000;    ///< entries of the list of metadata that version 1 has
  Milliseconds deadline{250};          ///< from its first sample until it goes, full or not
};

class Batch {
 public:
  using Ask = std::function<RequestKind()>;  ///< which form the next request shall have
  using Queue = std::function<void(const SealedBatch&)>;
  Batch(const BatchOptions& options, Ask kind, Queue queue);

  /// The open request. Handles that it gave are worthless once generation() has changed.
  wire::RequestWriter& writer() { return *writer_; }
  std::uint64_t generation() const { return generation_; }
  bool full() const {
    return writer_->samples() >= options_.max_samples || writer_->bytes() >= options_.max_bytes ||
           writer_->families() >= max_families_;
  }

  /// After samples were written, `newest` the latest time among them: seals a full request, and remembers when an open
  /// one is due.
  void wrote(EpochMs newest, SteadyTime now);
  /// Version 1 tells metadata apart from the samples: the request being filled shall hold it, of what is in it already
  /// too. Where that is more than one list may hold, the request goes first.
  void want_metadata();

  /// When the open request has to go, if there is one.
  std::optional<SteadyTime> due() const { return due_; }
  /// Queues what is there, if anything is.
  void seal();

 private:
  void open();

  const BatchOptions options_;
  const Ask ask_;
  const Queue queue_;
  RequestKind kind_ = RequestKind::V2Snappy;
  std::optional<wire::Compressor> compressor_;
  std::optional<wire::RequestWriter> writer_;
  wire::RequestWriter::MetadataList metadata_ = wire::RequestWriter::MetadataList::Without;
  std::size_t max_families_ = SIZE_MAX;  ///< of the open request, where it tells metadata
  std::uint64_t generation_ = 0;
  EpochMs newest_ = 0;
  std::optional<SteadyTime> due_;
};

}  // namespace tessera::relay
