# Run by cpack when what is installed has been staged, before packages are made of it: puts each package's documents in its stage.
foreach(name IN LISTS CPACK_COMPONENTS_ALL)
  execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/../tools/debian/documents ${name} ${CPACK_TEMPORARY_DIRECTORY}/${name}
                          ${CPACK_TESSERA_BUILD} ${CPACK_PACKAGE_VERSION} ${CPACK_PACKAGE_CONTACT}
                  COMMAND_ERROR_IS_FATAL ANY)
endforeach()
