#include "operator/spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <type_traits>

#include "base/text.h"
#include "operator/raw.h"
#include "operator/spec_fields.h"

namespace tessera::operate {
namespace {

using config::Node;

class Reader;

// ---- One value

Result<std::string> read_text(const Node& node, const Field& field) {
  const FormRow& form = row_of(field.form);
  if (!field.words.empty()) return node.word(field.words);
  const std::string text = TRY(node.text());
  if (!form.number_too && !is_text(node))
    return node.error(field.form == Form::Any ? fmt::format("expected text: write it in quotes, \"{}\"", text)
                                              : fmt::format("expected {}, found {}", form.expected, text));
  const std::size_t longest = field.longest == 0 ? kLongestText : field.longest;
  if (text.size() > longest) return node.error(fmt::format("longer than {} characters", longest));
  if (!form.fits(text)) return node.error(fmt::format("expected {}, found '{}'", form.expected, text));
  return text;
}

Result<void> read_value(const Node& node, const Field& field, std::string& into) {
  into = TRY(read_text(node, field));
  return {};
}

Result<void> read_value(const Node& node, const Field&, bool& into) {
  into = TRY(node.flag());
  return {};
}

Result<void> read_value(const Node& node, const Field& field, std::int64_t& into) {
  const bool bounded = field.least != 0 || field.most != 0;
  into = bounded ? TRY(node.integer(field.least, field.most)) : TRY(node.integer());
  return {};
}

Result<void> read_value(const Node& node, const Field& field, Milliseconds& into) {
  into = *parse_duration(TRY(read_text(node, field)));
  if (field.most == 0 || (into.count() >= field.least && into.count() <= field.most)) return {};
  return node.error(fmt::format("expected a duration from {} to {}, found {}",
                                format_duration(Milliseconds(field.least)), format_duration(Milliseconds(field.most)),
                                format_duration(into)));
}

Result<void> read_value(const Node& node, const Field&, Raw& into) {
  if (!node.is_map()) return node.error("expected a map");
  into = raw_of(node);
  return {};
}

Result<void> read_value(const Node& node, const Field& field, TextMap& into) {
  TextMap out;
  for (const auto& [key, value] : TRY(node.entries())) out[key] = TRY(read_text(value, field));
  if (out.size() > kMostItems) return node.error(fmt::format("more than {} entries", kMostItems));
  into = std::move(out);
  return {};
}

template <class T>
  requires requires(Reader& reader, T& value) { describe(reader, value); }
Result<void> read_value(const Node& node, const Field& field, T& into);

template <class T>
Result<void> read_value(const Node& node, const Field& field, std::optional<T>& into) {
  into.emplace();
  return read_value(node, field, *into);
}

/// Of a list whose items have a name, two of one name.
Result<void> check_unique(const std::vector<Node>& items, std::string_view key) {
  std::set<std::string> seen;
  for (const Node& item : items)
    if (const auto name = item.find(key); name && name->text() && !seen.insert(*name->text()).second)
      return name->error(fmt::format("there is another one with this {} before it", key));
  return {};
}

template <class T>
Result<void> read_value(const Node& node, const Field& field, std::vector<T>& into) {
  const auto items = TRY(node.list());
  if (items.size() > kMostItems) return node.error(fmt::format("more than {} items", kMostItems));
  std::vector<T> out;
  for (const Node& item : items) {
    out.emplace_back();
    TRY(read_value(item, field, out.back()));
  }
  if (!field.list_key.empty()) TRY(check_unique(items, field.list_key));
  into = std::move(out);
  return {};
}

// ---- A struct

/// Walks the fields of a struct at one map of the document. What is wrong is told in this order: keys that are not
/// known, for they explain the rest; values; what is missing; what does not fit together.
class Reader {
 public:
  explicit Reader(const Node& node) : node_(node) {}

  template <class T>
  void field(const Field& field, T& into) {
    known_.push_back(field.key);
    const auto value = node_.find(field.key);
    if (!value || value->is_null()) {
      if (field.required && missing_.empty()) missing_ = field.key;
      return;
    }
    if (auto read = read_value(*value, field, into); !read && !wrong_) wrong_ = read.error();
  }

  void rule(std::string_view, std::string_view message, bool holds) {
    if (!holds && broken_.empty()) broken_ = message;
  }

  void check(const Result<void>& result) {
    if (!result && broken_.empty()) broken_ = result.error().what;
  }

  Result<void> finish() const {
    TRY(node_.only(known_));
    if (wrong_) return *wrong_;
    if (!missing_.empty()) return node_.error(fmt::format("{} is missing", missing_));
    if (!broken_.empty()) return node_.error(broken_);
    return {};
  }

 private:
  const Node& node_;
  std::vector<std::string_view> known_;
  std::optional<Error> wrong_;
  std::string missing_, broken_;
};

template <class T>
  requires requires(Reader& reader, T& value) { describe(reader, value); }
Result<void> read_value(const Node& node, const Field&, T& into) {
  Reader reader(node);
  describe(reader, into);
  return reader.finish();
}

// ---- The object

Result<void> expect(const Node& object, std::string_view key, std::string_view wanted) {
  std::string found;
  TRY(object.read(key, found));
  if (found == wanted) return {};
  return object.key_error(key, fmt::format("expected {}: {}, found '{}'", key, wanted, found));
}

/// Metadata has more than this, which is the API server's.
Result<void> read_metadata(const Node& object, GpuMonitor& into) {
  const auto metadata = object.find("metadata");
  if (!metadata || !metadata->is_map()) return object.error("metadata is missing");
  TRY(metadata->read("name", into.name));
  TRY(metadata->read("uid", into.uid));
  if (const auto generation = metadata->find("generation")) into.generation = TRY(generation->integer(0));
  if (row_of(Form::Name).fits(into.name)) return {};
  return metadata->key_error("name", fmt::format("expected {}, found '{}'", row_of(Form::Name).expected, into.name));
}

}  // namespace

Result<GpuMonitor> read_gpu_monitor(const Node& object) {
  TRY(object.only({"apiVersion", "kind", "metadata", "spec", "status"}));
  TRY(expect(object, "apiVersion", kApiVersion));
  TRY(expect(object, "kind", kKind));
  GpuMonitor out;
  TRY(read_metadata(object, out));
  const auto spec = object.find("spec");
  if (!spec) return object.error("spec is missing");
  TRY(read_value(*spec, Field{}, out.spec));
  return out;
}

Result<GpuMonitor> parse_gpu_monitor(std::string_view text, std::string_view file) {
  return read_gpu_monitor(TRY(config::load(text, file)));
}

const std::string& agent_namespace(const Spec& spec) {
  const std::string& own = spec.features.k8s_agent.agent_namespace;
  return own.empty() ? spec.home : own;
}

bool has_relay(const Spec& spec) { return spec.features.open_agent.enabled; }

bool has_gpu_agent(const Spec& spec) {
  return spec.features.k8s_agent.node_agent.enabled && spec.features.k8s_agent.gpu.enabled;
}

bool has_server(const Spec& spec) { return spec.server.enabled.value_or(has_relay(spec)); }

bool has_layouts(const Spec& spec) { return has_gpu_agent(spec) && spec.features.k8s_agent.gpu.mig.layout.enabled; }

bool has_node_changes(const Spec& spec) {
  return has_layouts(spec) && has_server(spec) && spec.features.k8s_agent.master_agent.enabled;
}

bool has_admission(const Spec& spec) { return has_server(spec) && spec.server.admission.enabled; }

bool has_own_certificate(const Spec& spec) { return has_admission(spec) && !spec.server.admission.cert_manager; }

std::string_view bundled_engine(const Spec& spec) {
  const bool wanted = has_relay(spec) && spec.promql.url.empty() && spec.promql.bundled != "none";
  return wanted ? std::string_view(spec.promql.bundled) : std::string_view();
}

}  // namespace tessera::operate
