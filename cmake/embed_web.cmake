# cmake -DFROM=DIR -DTO=FILE.cc -P embed_web.cmake: the packed files (NAME.gz) below DIR, as server/web.h tells of them.
# Without FROM there are none.
cmake_minimum_required(VERSION 3.25)

set(bytes "")
set(rows "")
set(number 0)
if(FROM)
  file(GLOB_RECURSE files RELATIVE ${FROM} ${FROM}/*.gz)
  list(SORT files)
  foreach(file IN LISTS files)
    file(READ ${FROM}/${file} hex HEX)
    file(SHA256 ${FROM}/${file} hash)
    string(LENGTH "${hex}" length)
    math(EXPR length "${length} / 2")
    string(SUBSTRING ${hash} 0 16 hash)
    string(REGEX REPLACE "(..)" "0x\\1," hex "${hex}")
    string(REGEX REPLACE "\\.gz$" "" name "${file}")
    string(APPEND bytes "constexpr unsigned char kFile${number}[] = {${hex}};\n")
    string(APPEND rows "    {\"${name}\", {reinterpret_cast<const char*>(kFile${number}), ${length}}, \"${hash}\"},\n")
    math(EXPR number "${number} + 1")
  endforeach()
endif()
set(list "  return {};")
if(number)
  set(list "  static const WebFile kFiles[] = {\n${rows}  };\n  return kFiles;")
endif()
file(WRITE ${TO} "// Made by cmake/embed_web.cmake from what web/ was built to.
#include \"server/web.h\"

namespace tessera::server {
namespace {
${bytes}
}  // namespace

std::span<const WebFile> web_files() {
${list}
}

}  // namespace tessera::server
")
