#include "relay/batch.h"

#include <algorithm>

namespace tessera::relay {

Batch::Batch(const BatchOptions& options, Ask kind, Queue queue)
    : options_(options), ask_(std::move(kind)), queue_(std::move(queue)) {
  open();
}

/// The writer and its buffers serve request after request, for as long as the encoding stays.
void Batch::open() {
  ++generation_;
  newest_ = 0;
  due_.reset();
  metadata_ = wire::RequestWriter::MetadataList::Without;
  max_families_ = SIZE_MAX;
  const RequestKind wanted = ask_();
  if (writer_ && wanted == kind_) return;
  kind_ = wanted;
  compressor_.emplace(form_of(wanted).compression);
  writer_.emplace(form_of(wanted).protocol);
}

void Batch::want_metadata() {
  if (writer_->families() >= options_.max_metadata) seal();
  metadata_ = wire::RequestWriter::MetadataList::With;
  max_families_ = options_.max_metadata;
}

void Batch::wrote(EpochMs newest, SteadyTime now) {
  newest_ = std::max(newest_, newest);
  if (full()) return seal();
  if (!due_ && !writer_->empty()) due_ = now + options_.deadline;
}

void Batch::seal() {
  if (writer_->empty()) return;
  const auto samples = static_cast<std::uint32_t>(writer_->samples());
  queue_({kind_, samples, newest_, compressor_->compress(writer_->finish(metadata_))});
  open();
}

}  // namespace tessera::relay
