#pragma once
// The dashboard's files, as web/ builds them: they are in the program, packed. A program built without them
// (TESSERA_WEB=OFF) serves none.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.h"

namespace tessera::server {

struct WebFile {
  std::string_view name;  ///< below the context path: "index.html", "assets/index-x8.js"
  std::string_view gzip;  ///< what it holds, as a gzip member
  std::string_view hash;  ///< of that
};

/// Made by cmake/embed_web.cmake; empty where the dashboard was left out.
std::span<const WebFile> web_files();

/// Every page is index.html, whose program finds out by the address which one it is.
std::span<const std::string_view> web_pages();

/// None without an index.html. What `files` refer to outlives the routes.
std::vector<http::Route> web_routes(std::span<const WebFile> files, const std::string& context_path);

}  // namespace tessera::server
