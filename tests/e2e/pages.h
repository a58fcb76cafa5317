#pragma once
// What tests ask of an agent's pages, again and again.
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "tests/e2e/node.h"

namespace tessera::e2e {

/// A scenario that only the end-to-end tests play.
std::filesystem::path test_scenario(const std::string& name);

/// Fails the test unless the page keeps every rule of its format: among them, that no series stands twice.
void expect_valid_text(const std::string& page);
void expect_valid_openmetrics(const std::string& page);

/// The value of the only series of that name with all these parts; fails the test where there is none, or more.
double only_value(const std::string& page, const std::string& name, const std::vector<std::string>& parts = {});
/// The value of a label in a series line; empty where it has none.
std::string label_of(const std::string& line, const std::string& name);
/// The pids of all process rows with these parts.
std::set<std::string> pids(const std::string& page, const std::vector<std::string>& parts = {});

double collections(const std::string& page);
/// The first page on which `holds`; fails the test, with the last page, where that does not come in time.
std::string page_where(Agent& agent, const std::function<bool(const std::string& page)>& holds);
bool up(const std::string& page, const std::string& gpu);
/// A page of the first collection that began after this call and to which these devices answered in time: on a busy
/// machine a healthy one may miss a deadline.
std::string next_page(Agent& agent, const std::vector<std::string>& answered = {});

}  // namespace tessera::e2e
