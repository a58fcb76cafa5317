# cpack: a .deb of each program, for the Debian or Ubuntu that it is built on (./dev package). What stands where: cmake/Install.cmake.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "The Tessera authors <maintainers@tessera.dev>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)  # Depends: the packages of the libraries that a program is linked to, by dpkg-shlibdeps
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)  # which dpkg reads from Debian 12 and Ubuntu 18.04 on
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/cmake/documents.cmake)
set(CPACK_TESSERA_BUILD ${CMAKE_BINARY_DIR})  # for that script
set(CPACK_COMPONENTS_ALL "")

# package(NAME SECTION section SUMMARY text TEXT text [SUGGESTS names] [DEPENDS names] [CONFFILES paths]): what apt shows of a program, and what an
# administrator edits. Where there is a unit it is enabled and started, and what it kept goes when the package is purged.
function(package name)
  cmake_parse_arguments(PARSE_ARGV 1 IT "" "SECTION;SUMMARY;TEXT;SUGGESTS;DEPENDS" "CONFFILES")
  set(control ${CMAKE_BINARY_DIR}/debian/${name})
  set(files "")
  if(IT_CONFFILES)
    list(JOIN IT_CONFFILES "\n" lines)
    file(CONFIGURE OUTPUT ${control}/conffiles CONTENT "${lines}\n")
    list(APPEND files ${control}/conffiles)
  endif()
  if(EXISTS ${CMAKE_SOURCE_DIR}/deploy/systemd/${name}.service)
    set(unit ${name}.service)
    foreach(script postinst prerm postrm)
      configure_file(${CMAKE_SOURCE_DIR}/deploy/debian/${script}.in ${control}/${script} @ONLY FILE_PERMISSIONS
        OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
      list(APPEND files ${control}/${script})
    endforeach()
  endif()
  string(TOUPPER ${name} component)
  set(CPACK_DEBIAN_${component}_PACKAGE_NAME ${name} PARENT_SCOPE)
  set(CPACK_DEBIAN_${component}_PACKAGE_SECTION ${IT_SECTION} PARENT_SCOPE)
  set(CPACK_DEBIAN_${component}_PACKAGE_DEPENDS "${IT_DEPENDS}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${component}_PACKAGE_SUGGESTS "${IT_SUGGESTS}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${component}_PACKAGE_CONTROL_EXTRA "${files}" PARENT_SCOPE)
  set(CPACK_COMPONENT_${component}_DESCRIPTION "${IT_SUMMARY}\n${IT_TEXT}" PARENT_SCOPE)
  set(CPACK_COMPONENTS_ALL ${CPACK_COMPONENTS_ALL} ${name} PARENT_SCOPE)
endfunction()

package(tessera SECTION utils SUGGESTS "tessera-agent, tessera-server"
  SUMMARY "looks at GPUs of a node, a fleet or a cluster, and says what is wrong"
  TEXT "tessera doctor checks a node with NVIDIA GPUs, a Tessera server or a
Kubernetes cluster and says what to do about each finding; tessera top and
tessera get show the fleet as a server knows it.")
package(tessera-agent SECTION admin SUGGESTS "tessera, tessera-relay" CONFFILES /etc/default/tessera-agent
  SUMMARY "metrics of this node's NVIDIA GPUs, MIG instances and GPU processes"
  TEXT "Serves DCGM-compatible metrics, sessions with their processes and pods, and
MIG geometry to Prometheus. It needs NVIDIA's driver, whose library it finds
when it starts.")
package(tessera-operator SECTION admin
  SUMMARY "runs Tessera in a Kubernetes cluster by one GpuMonitor resource"
  TEXT "In a cluster it applies what a GpuMonitor comes to; on a person's machine it
prints that, the resource's definition and the rights that it needs.")
package(tessera-relay SECTION net SUGGESTS tessera-server CONFFILES /etc/tessera/relay.yaml
  SUMMARY "scrapes metrics and forwards them by remote write"
  TEXT "Finds Prometheus targets, scrapes them and sends what they say to stores
that take remote write, with a queue on disk for the time that a store is
away.")
package(tessera-server SECTION net SUGGESTS "tessera, tessera-relay" DEPENDS tzdata CONFFILES /etc/tessera/server.yaml
  SUMMARY "knows what the GPUs of a fleet are and do"
  TEXT "Takes metrics in by remote write, keeps inventory, usage and sessions in
SQLite or PostgreSQL, and tells them by an API and a dashboard.")

include(CPack)
