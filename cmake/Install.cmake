# cmake --install: the programs with their units, each a component of its program's name, of which cmake/Package.cmake makes
# packages. The simulated driver is left out: it must never lie beside a real one.
include(GNUInstallDirs)

foreach(program tessera tessera-agent tessera-operator tessera-relay tessera-server)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT ${program})
  endif()
  if(EXISTS ${CMAKE_SOURCE_DIR}/deploy/systemd/${program}.service)
    install(FILES ${CMAKE_SOURCE_DIR}/deploy/systemd/${program}.service DESTINATION lib/systemd/system COMPONENT ${program})
  endif()
endforeach()

# For DCGM_EXPORTER_COLLECTORS and --collectors. Not in /etc/dcgm-exporter, as in the image: there the exporter's own package has them.
install(FILES ${CMAKE_SOURCE_DIR}/deploy/dcgm-exporter/default-counters.csv
              ${CMAKE_SOURCE_DIR}/deploy/dcgm-exporter/dcp-metrics-included.csv
        DESTINATION ${CMAKE_INSTALL_DATADIR}/tessera-agent COMPONENT tessera-agent)

# What an administrator edits: in packages alone, of which dpkg keeps his changes (conffiles). cmake --install would overwrite them.
install(FILES ${CMAKE_SOURCE_DIR}/deploy/debian/tessera-agent.default DESTINATION /etc/default RENAME tessera-agent
        COMPONENT tessera-agent EXCLUDE_FROM_ALL)
install(FILES ${CMAKE_SOURCE_DIR}/deploy/debian/relay.yaml DESTINATION /etc/tessera COMPONENT tessera-relay EXCLUDE_FROM_ALL)
install(FILES ${CMAKE_SOURCE_DIR}/deploy/debian/server.yaml DESTINATION /etc/tessera COMPONENT tessera-server EXCLUDE_FROM_ALL)
