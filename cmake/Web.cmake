# The dashboard: npm builds web/ into the build folder, and a .cc of it goes into tessera-server.
set(TESSERA_WEB AUTO CACHE STRING "put the dashboard into tessera-server: ON, OFF, or AUTO where node 20.19 or later and npm are found")
set(TESSERA_NODE_LEAST 20.19)

find_program(TESSERA_NODE node NO_CACHE)
find_program(TESSERA_NPM npm NO_CACHE)
set(TESSERA_NODE_WHY "")
if(NOT TESSERA_NODE OR NOT TESSERA_NPM)
  set(TESSERA_NODE_WHY "node or npm is missing")
else()
  execute_process(COMMAND ${TESSERA_NODE} --version OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE)
  string(REGEX REPLACE "^v" "" version "${version}")
  if(version VERSION_LESS TESSERA_NODE_LEAST)
    set(TESSERA_NODE_WHY "node ${version} is older than ${TESSERA_NODE_LEAST}")
  endif()
endif()
set(TESSERA_WITH_WEB ${TESSERA_WEB})
if(TESSERA_WEB STREQUAL AUTO)
  set(TESSERA_WITH_WEB ON)
  if(TESSERA_NODE_WHY)
    set(TESSERA_WITH_WEB OFF)
    message(STATUS "tessera-server has no dashboard: ${TESSERA_NODE_WHY} (./dev build brings node; TESSERA_WEB=ON makes that an error)")
  endif()
elseif(TESSERA_WEB AND TESSERA_NODE_WHY)
  message(FATAL_ERROR "TESSERA_WEB=ON: ${TESSERA_NODE_WHY}; -DTESSERA_WEB=OFF builds tessera-server without the dashboard")
endif()

set(TESSERA_WEB_CC ${CMAKE_BINARY_DIR}/web/web_files.cc)
if(TESSERA_WITH_WEB)
  set(web ${CMAKE_SOURCE_DIR}/web)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${web}/src/* ${web}/tools/*)
  list(REMOVE_ITEM sources ${web}/src/api/schema.ts)
  # What stands first on the PATH is what npm's scripts run.
  get_filename_component(node_folder ${TESSERA_NODE} DIRECTORY)
  set(run ${CMAKE_COMMAND} -E chdir ${web} ${CMAKE_COMMAND} -E env --modify PATH=path_list_prepend:${node_folder})
  add_custom_command(OUTPUT ${web}/node_modules/.package-lock.json
    COMMAND ${run} ${TESSERA_NPM} ci --ignore-scripts --no-audit --no-fund --loglevel=error
    COMMAND ${CMAKE_COMMAND} -E touch ${web}/node_modules/.package-lock.json
    DEPENDS ${web}/package.json ${web}/package-lock.json
    COMMENT "npm ci in web (-DTESSERA_WEB=OFF goes without)" VERBATIM)
  add_custom_command(OUTPUT ${TESSERA_WEB_CC}
    COMMAND ${run} ${TESSERA_NPM} run --silent build -- --outDir ${CMAKE_BINARY_DIR}/web/dist --emptyOutDir --logLevel warn
    COMMAND ${CMAKE_COMMAND} -DFROM=${CMAKE_BINARY_DIR}/web/dist -DTO=${TESSERA_WEB_CC} -P ${CMAKE_SOURCE_DIR}/cmake/embed_web.cmake
    DEPENDS ${sources} ${web}/node_modules/.package-lock.json ${web}/index.html ${web}/vite.config.ts ${web}/tsconfig.json
      ${CMAKE_SOURCE_DIR}/docs/api/openapi.yaml ${CMAKE_SOURCE_DIR}/cmake/embed_web.cmake
    COMMENT "web: the dashboard" VERBATIM)
  add_custom_target(web_bench)
  add_dependencies(web_bench tessera-server)
  # Without any C++ of our own, but of the shipped programs: they count where these are built.
  add_test(NAME web/unit COMMAND ${run} ${TESSERA_NPM} run --silent test)
  set_tests_properties(web/unit PROPERTIES LABELS e2e TIMEOUT 600)
  # A journey a file, so that each is told and timed by itself; one browser at a time is what two cores can drive.
  file(GLOB journeys CONFIGURE_DEPENDS ${web}/e2e/*.test.ts)
  foreach(file ${journeys})
    get_filename_component(name ${file} NAME_WE)
    add_test(NAME web/journeys/${name}
      COMMAND ${run} TESSERA_BIN=${CMAKE_BINARY_DIR}/bin ${TESSERA_NPM} run --silent e2e -- e2e/${name}.test.ts)
    set_tests_properties(web/journeys/${name} PROPERTIES LABELS e2e TIMEOUT 600 COST 900 RESOURCE_LOCK browser
                         SKIP_REGULAR_EXPRESSION "SKIPPED: ")
  endforeach()
else()
  add_custom_command(OUTPUT ${TESSERA_WEB_CC}
    COMMAND ${CMAKE_COMMAND} -DTO=${TESSERA_WEB_CC} -P ${CMAKE_SOURCE_DIR}/cmake/embed_web.cmake
    DEPENDS ${CMAKE_SOURCE_DIR}/cmake/embed_web.cmake VERBATIM)
endif()
