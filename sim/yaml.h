// A YAML value that knows where it stands, so that every complaint names file, line and path. Used inside the readers
// of the scenario and of the settings only: it throws ScenarioError, which those turn into a Failure.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace YAML {
class Node;
}

namespace tessera::sim {

struct ScenarioError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Yaml {
 public:
  // The document in `text`. `file` is for error texts and must outlive the value.
  static Yaml load(std::string_view text, const std::string& file);

  [[noreturn]] void refuse(const std::string& expected) const;

  // A map with no keys but these.
  const Yaml& expect_map(std::initializer_list<std::string_view> keys) const;
  bool is_map() const;
  bool is_null() const;  // an empty document
  std::optional<Yaml> find(const char* key) const;
  Yaml at(const char* key) const;

  // Calls `item` for each element of a list of at most `most`.
  void each(std::size_t most, const std::function<void(const Yaml&)>& item) const;

  std::string text() const;  // any scalar, not empty
  double number(double low, double high) const;
  std::uint64_t whole(std::uint64_t low, std::uint64_t high) const;
  bool flag() const;
  double seconds(double low) const;
  std::uint64_t bytes() const;
  std::string one_of(std::initializer_list<std::string_view> words) const;

 private:
  Yaml(std::shared_ptr<const YAML::Node> node, std::string path, int line, const std::string& file)
      : node_(std::move(node)), path_(std::move(path)), line_(line), file_(&file) {}
  Yaml child(const YAML::Node& node, std::string path) const;
  std::string scalar() const;

  std::shared_ptr<const YAML::Node> node_;
  std::string path_;
  int line_;
  const std::string* file_;
};

}  // namespace tessera::sim
