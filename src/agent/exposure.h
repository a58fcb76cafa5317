#pragma once
// What the parts of the page share: the rows (devices and instances that answered) and the labels that name them.
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/catalog.h"
#include "agent/expose.h"

namespace tessera::agent {

/// A device without instances, or one MIG instance: what has session rows of its own. Nothing is counted twice.
struct Row {
  Subject subject;
  const gpu::Device* device;
  const gpu::Instance* instance;  ///< null for a device row
};

class Exposure {
 public:
  Exposure(const Observation& observation, const ExposeOptions& options, metrics::Page& page);

  const std::vector<Row>& rows() const { return rows_; }

  /// A text with `gpu="…"`, what every series of a device or instance begins with. There is one such text at a time:
  /// the next one overwrites it.
  std::string& begin(const Subject& subject);
  /// Appends GPU_I_PROFILE and GPU_I_ID (instances only), then UUID and Hostname.
  void append_identity(std::string& out, const Subject& subject) const;
  void append_hostname(std::string& out) const;
  /// The driver's name of the model, in the form that the options ask for. All of a page has one form: a reader that
  /// takes the name from either label would see it change to and fro otherwise.
  std::string model_name(const gpu::Device& device) const;
  /// gpu and identity, nothing between.
  metrics::LabelSet subject_labels(const Subject& subject);
  metrics::LabelSet host_labels();
  /// Appends container, namespace, pod, pod_uid; nothing of an empty workload.
  static void append_workload(std::string& out, const Workload& workload);

  /// A family of one series about this node.
  void add_single(const Described& what, double value);

  const Observation& seen;
  const ExposeOptions& options;
  metrics::Page& page;

 private:
  std::string identity_text(const Subject& subject, const gpu::Instance* instance) const;

  std::vector<Row> rows_;
  std::string text_;
  struct Hash {
    std::size_t operator()(const Subject& subject) const;
  };
  std::unordered_map<Subject, std::string, Hash> identities_;  // most series bear one, so each is written once
};

void expose_fields(Exposure& out, const FieldSet& fields);
void expose_sessions(Exposure& out);
void expose_allocations(Exposure& out);
void expose_geometry(Exposure& out);
void expose_weighted(Exposure& out, const std::vector<const gpu::Device*>& devices);
void expose_self(Exposure& out, const FieldSet& fields, const SelfState& self);

}  // namespace tessera::agent
