# What `cmake --install` puts where, for those who write plugins. Included by sdk/CMakeLists.txt.
include(CMakePackageConfigHelpers)

set(package lib/cmake/drover)
foreach(part IN ITEMS sdk tls conformance)
  install(TARGETS drover-${part} EXPORT drover-${part}-targets LIBRARY DESTINATION lib COMPONENT sdk)
  install(EXPORT drover-${part}-targets NAMESPACE drover:: DESTINATION ${package} COMPONENT sdk)
endforeach()
install(DIRECTORY include/ conformance/include/ DESTINATION include COMPONENT sdk FILES_MATCHING PATTERN "*.hpp")

# Exactly this version: plugins and kernel share C++ types, so their Boost must be one.
set(DROVER_BOOST_VERSION ${Boost_VERSION_MAJOR}.${Boost_VERSION_MINOR})
configure_package_config_file(cmake/drover-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/drover-config.cmake
  INSTALL_DESTINATION ${package})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/drover-config-version.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/drover-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/drover-config-version.cmake
              cmake/drover_plugin.cmake cmake/plugin_exports.map
        DESTINATION ${package} COMPONENT sdk)

install(DIRECTORY template/ DESTINATION share/drover/template COMPONENT sdk)
install(TARGETS drover-plugin-test RUNTIME DESTINATION libexec/drover COMPONENT sdk)

# The build tree is a package too: a plugin can be built against it with CMAKE_PREFIX_PATH=BUILD.
set(package_here ${PROJECT_BINARY_DIR}/lib/cmake/drover)
foreach(part IN ITEMS sdk tls conformance)
  export(EXPORT drover-${part}-targets NAMESPACE drover:: FILE ${package_here}/drover-${part}-targets.cmake)
endforeach()
file(COPY ${CMAKE_CURRENT_BINARY_DIR}/drover-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/drover-config-version.cmake
          ${CMAKE_CURRENT_SOURCE_DIR}/cmake/drover_plugin.cmake ${CMAKE_CURRENT_SOURCE_DIR}/cmake/plugin_exports.map
     DESTINATION ${package_here})
