# cmake --install: what a package of Tessera holds. The simulated driver is left out: it must never lie beside a real one.
include(GNUInstallDirs)

foreach(name tessera tessera-agent tessera-operator tessera-relay tessera-server)
  if(TARGET ${name})
    install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()

# Where dcgm-exporter has them, so that DCGM_EXPORTER_COLLECTORS keeps working.
install(FILES ${CMAKE_SOURCE_DIR}/deploy/dcgm-exporter/default-counters.csv
              ${CMAKE_SOURCE_DIR}/deploy/dcgm-exporter/dcp-metrics-included.csv
        DESTINATION /etc/dcgm-exporter)

install(FILES ${CMAKE_SOURCE_DIR}/deploy/systemd/tessera-agent.service
              ${CMAKE_SOURCE_DIR}/deploy/systemd/tessera-relay.service
              ${CMAKE_SOURCE_DIR}/deploy/systemd/tessera-server.service
        DESTINATION lib/systemd/system)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE ${CMAKE_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
