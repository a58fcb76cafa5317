#include "operator/watches.h"

namespace tessera::operate {

Watches::Watches(const kube::ApiServer& server, const Facts& facts, Seen& seen) : sources_(sources(facts)) {
  for (const Source& source : sources_) {
    kube::WatchOptions options;
    options.path = source.path;
    options.label_selector = source.labels;
    options.field_selector = source.fields;
    watches_.push_back(std::make_unique<kube::Watch>(
        server, std::move(options), [&seen, &source](const kube::Event& event) { seen.note(source, event); }));
  }
}

std::map<std::string, kube::WatchStats> Watches::stats() const {
  std::map<std::string, kube::WatchStats> out;
  for (std::size_t i = 0; i < sources_.size(); ++i) out[sources_[i].called] = watches_[i]->stats();
  return out;
}

}  // namespace tessera::operate
