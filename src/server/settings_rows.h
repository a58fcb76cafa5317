#pragma once
// Every key of the settings, with how it is read. settings.h reads a file by it.
#include <span>
#include <string_view>

#include "config/yaml.h"
#include "server/settings.h"
#include "server/settings_environment.h"

namespace tessera::server {

struct SettingTaking {
  Result<void> (*take)(const config::Node&, Settings&);
  Shape shape;
};

struct SettingEntry {
  SettingRow told;
  SettingTaking taking;
  std::string_view no_effect = {};  ///< why, where nothing depends on it
};

std::span<const SettingEntry> setting_entries();

}  // namespace tessera::server
