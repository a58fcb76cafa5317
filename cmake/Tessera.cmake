# The few words that every folder's CMakeLists.txt is written in: room, room_test, room_fuzz, program.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(TESSERA_SANITIZE "" CACHE STRING "sanitizers to build with, as -fsanitize= takes them")
option(TESSERA_FUZZ "link fuzz targets with libFuzzer instead of the corpus replayer" OFF)
set(TESSERA_TESTS AUTO CACHE STRING "build tests, fuzz targets and benchmarks: ON, OFF, or AUTO where GoogleTest is installed")

find_program(TESSERA_CCACHE ccache)
if(TESSERA_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_SOURCE_DIR}/cmake/relative ${TESSERA_CCACHE})
endif()

if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  # So that ccache knows a precompiled header again, and another checkout can read it.
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp" "SHELL:-Xclang -fmodules-embed-all-files")
endif()
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
include_directories(${CMAKE_SOURCE_DIR}/src)
if(TESSERA_SANITIZE)
  add_compile_options(-fsanitize=${TESSERA_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TESSERA_SANITIZE})
endif()
if(TESSERA_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
if(TESSERA_TESTS STREQUAL AUTO)  # who only builds what is shipped needs no test library
  find_package(GTest QUIET)
  if(TARGET GTest::gmock AND TARGET GTest::gtest_main)
    set(TESSERA_TESTS ON)
  else()
    set(TESSERA_TESTS OFF)
    message(STATUS "No tests are built: GoogleTest is missing (libgtest-dev, libgmock-dev); TESSERA_TESTS=ON makes that an error")
  endif()
endif()
if(TESSERA_TESTS)
  find_package(GTest REQUIRED)
  if(NOT TARGET GTest::gmock)
    message(FATAL_ERROR "TESSERA_TESTS=ON: GoogleTest is there without gmock (libgmock-dev)")
  endif()
  include(GoogleTest)
endif()

# What nearly every file includes, compiled once for libraries and once, with the test library, for tests: two thirds of
# an unoptimised build are these headers. The two stand apart because libraries are -fPIC and programs are -fPIE.
set(TESSERA_HEADERS <algorithm> <array> <atomic> <chrono> <condition_variable> <cstdint> <filesystem> <functional> <map>
  <memory> <mutex> <optional> <random> <ranges> <set> <span> <string> <string_view> <thread> <variant> <vector>
  <fmt/format.h> <fmt/ranges.h>)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/headers.cc CONTENT "int main() {}\n")
add_library(tessera_headers OBJECT EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/headers.cc)
target_link_libraries(tessera_headers PRIVATE fmt::fmt Threads::Threads)
target_precompile_headers(tessera_headers PRIVATE ${TESSERA_HEADERS})
if(TESSERA_TESTS)
  add_executable(tessera_test_headers EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/headers.cc)
  target_link_libraries(tessera_test_headers PRIVATE fmt::fmt Threads::Threads GTest::gmock GTest::gtest_main)
  target_precompile_headers(tessera_test_headers PRIVATE ${TESSERA_HEADERS} <gmock/gmock.h> <gtest/gtest.h>)
  # Tests wait for what they test: their own code is compiled in two thirds of the time that -O2 takes.
  target_compile_options(tessera_test_headers PRIVATE -O0)
endif()

add_custom_target(programs)    # what is shipped: every program(), and the simulated driver
add_custom_target(unit_tests)  # the tests of one process: every other room_test(), and every room_fuzz()
add_custom_target(e2e_tests)   # the tests that start real processes: every room_test() with the LABEL e2e or kube

# room(NAME [USES rooms...] [LIBS libraries...] SOURCES files...): the library tessera_NAME of folder src/NAME.
function(room name)
  cmake_parse_arguments(PARSE_ARGV 1 ROOM "" "" "USES;LIBS;SOURCES")
  add_library(tessera_${name} STATIC ${ROOM_SOURCES})
  list(TRANSFORM ROOM_USES PREPEND tessera_)
  target_link_libraries(tessera_${name} PUBLIC ${ROOM_USES} fmt::fmt Threads::Threads PRIVATE ${ROOM_LIBS})
  target_precompile_headers(tessera_${name} REUSE_FROM tessera_headers)
endfunction()

# test_library(NAME SOURCES files...): what tests share. It is compiled as they are, so that it has their headers.
function(test_library name)
  cmake_parse_arguments(PARSE_ARGV 1 LIBRARY "" "" "SOURCES")
  add_library(${name} STATIC ${LIBRARY_SOURCES})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_precompile_headers(${name} REUSE_FROM tessera_test_headers)
  target_compile_options(${name} PRIVATE -fPIE -O0)
  target_link_libraries(${name} PRIVATE GTest::gmock fmt::fmt)
endfunction()

# room_test(NAME [USES rooms...] [LIBS libraries...] [TIMEOUT s] [LABEL unit|e2e|kube] [TOGETHER word] SOURCES files...):
# NAME_test. Those of one process (unit) share a few processes, NAME/1of4: under a sanitizer a process takes longer to
# start than most tests do. Of the others each TEST is a ctest of its own. Those with the word in their name (in any
# case) are one, NAME/word: what they need takes long to start. tools/read_junit counts each TEST by itself.
function(room_test name)
  if(NOT TESSERA_TESTS)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 ROOM "" "TIMEOUT;LABEL;TOGETHER" "USES;LIBS;SOURCES")
  if(ROOM_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "room_test(${name}): no such words: ${ROOM_UNPARSED_ARGUMENTS}")
  endif()
  add_executable(${name}_test ${ROOM_SOURCES})
  list(TRANSFORM ROOM_USES PREPEND tessera_)
  target_link_libraries(${name}_test PRIVATE ${ROOM_USES} ${ROOM_LIBS} GTest::gmock GTest::gtest_main fmt::fmt)
  target_precompile_headers(${name}_test REUSE_FROM tessera_test_headers)
  target_compile_options(${name}_test PRIVATE -O0)
  if(NOT ROOM_TIMEOUT)
    set(ROOM_TIMEOUT 120)
  endif()
  if(NOT ROOM_LABEL)
    set(ROOM_LABEL unit)  # one only: gtest_discover_tests would take a second for a property's name
  endif()
  set(but_those "")
  if(ROOM_TOGETHER)
    string(SUBSTRING ${ROOM_TOGETHER} 1 -1 rest)  # Postgres or postgres: gtest's patterns know ?, and no more
    set(but_those -*?${rest}*)
    add_test(NAME ${name}/${ROOM_TOGETHER} COMMAND ${name}_test --gtest_filter=*?${rest}*)
    # They begin first, because they are the longest: at the end they would run alone.
    set_tests_properties(${name}/${ROOM_TOGETHER} PROPERTIES TIMEOUT ${ROOM_TIMEOUT} LABELS ${ROOM_LABEL} COST 1000)
  endif()
  if(ROOM_LABEL STREQUAL unit)
    room_shards(${name} ${ROOM_TIMEOUT} "${but_those}" ${ROOM_SOURCES})
    add_dependencies(unit_tests ${name}_test)
  else()
    if(but_those)
      set(but_those TEST_FILTER ${but_those})
    endif()
    gtest_discover_tests(${name}_test TEST_PREFIX ${name}/ ${but_those} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
                         PROPERTIES TIMEOUT ${ROOM_TIMEOUT} LABELS ${ROOM_LABEL})
    add_dependencies(e2e_tests ${name}_test)
  endif()
endfunction()

# Enough processes that two cores are busy to the end, the more the larger the room is.
function(room_shards name timeout but_those)
  list(LENGTH ARGN files)
  math(EXPR shards "(${files} + 2) / 3")
  if(shards GREATER 12)
    set(shards 12)
  endif()
  math(EXPR last "${shards} - 1")
  math(EXPR timeout "${timeout} * 5")
  foreach(shard RANGE ${last})
    math(EXPR number "${shard} + 1")
    set(test ${name}/${number}of${shards})
    add_test(NAME ${test} COMMAND ${name}_test --gtest_filter=*${but_those})
    set_tests_properties(${test} PROPERTIES TIMEOUT ${timeout} LABELS unit
                         ENVIRONMENT "GTEST_TOTAL_SHARDS=${shards};GTEST_SHARD_INDEX=${shard}")
  endforeach()
endfunction()

# room_fuzz(NAME_fuzz [USES rooms...] [LIBS libraries...] SOURCES file): with libFuzzer, or with a plain main that replays tests/corpus/NAME_fuzz.
function(room_fuzz name)
  if(NOT TESSERA_TESTS)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 ROOM "" "" "USES;LIBS;SOURCES")
  list(TRANSFORM ROOM_USES PREPEND tessera_)
  if(TESSERA_FUZZ)
    add_executable(${name} ${ROOM_SOURCES})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${name} ${ROOM_SOURCES} ${CMAKE_SOURCE_DIR}/tools/fuzz_replay.cc)
  endif()
  target_link_libraries(${name} PRIVATE ${ROOM_USES} ${ROOM_LIBS} fmt::fmt)
  add_dependencies(unit_tests ${name})
  add_test(NAME corpus/${name} COMMAND ${name} ${CMAKE_SOURCE_DIR}/tests/corpus/${name})
  set_tests_properties(corpus/${name} PROPERTIES LABELS corpus TIMEOUT 120)
endfunction()

# room_bench(NAME_bench [USES rooms...] [LIBS libraries...] SOURCES files...): bin/NAME_bench on Google Benchmark, built when asked for by name.
function(room_bench name)
  find_package(benchmark QUIET)
  if(NOT TESSERA_TESTS OR NOT benchmark_FOUND)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 ROOM "" "" "USES;LIBS;SOURCES")
  add_executable(${name} EXCLUDE_FROM_ALL ${ROOM_SOURCES})
  list(TRANSFORM ROOM_USES PREPEND tessera_)
  target_link_libraries(${name} PRIVATE ${ROOM_USES} ${ROOM_LIBS} benchmark::benchmark_main fmt::fmt)
endfunction()

# program(NAME [USES rooms...] [LIBS libraries...] SOURCES files...): bin/NAME.
function(program name)
  cmake_parse_arguments(PARSE_ARGV 1 ROOM "" "" "USES;LIBS;SOURCES")
  add_executable(${name} ${ROOM_SOURCES})
  list(TRANSFORM ROOM_USES PREPEND tessera_)
  target_link_libraries(${name} PRIVATE ${ROOM_USES} ${ROOM_LIBS} fmt::fmt)
  add_dependencies(programs ${name})
endfunction()
