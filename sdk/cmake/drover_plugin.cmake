# drover_add_plugin(NAME SOURCES a.cpp ... [LINK target ...] [INCLUDE dir ...])
#
# Makes NAME.so, which exports one symbol. In Drover's own tree it lands beside the other plugins; elsewhere
# in the build folder, and `install` puts it where `plugin.path` can point.
set(DROVER_PLUGIN_EXPORTS ${CMAKE_CURRENT_LIST_DIR}/plugin_exports.map)

function(drover_add_plugin name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;INCLUDE" ${ARGN})
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "drover_add_plugin(${name}): unknown arguments: ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT ARG_SOURCES)
    message(FATAL_ERROR "drover_add_plugin(${name}): SOURCES is empty")
  endif()
  add_library(${name} MODULE ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE drover::sdk ${ARG_LINK})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${ARG_INCLUDE})
  set_target_properties(${name} PROPERTIES
    PREFIX "" CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS ${DROVER_PLUGIN_EXPORTS})
  target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
  target_link_options(${name} PRIVATE -Wl,--version-script=${DROVER_PLUGIN_EXPORTS} -Wl,--build-id -Wl,--as-needed)
  if(NOT DROVER_SANITIZE AND NOT "${CMAKE_CXX_FLAGS} ${CMAKE_MODULE_LINKER_FLAGS}" MATCHES "-fsanitize")
    target_link_options(${name} PRIVATE -Wl,--no-undefined)  # a missing library shows here, not at load
  endif()
  if(DROVER_PLUGIN_OUTPUT_DIRECTORY)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${DROVER_PLUGIN_OUTPUT_DIRECTORY})
  endif()
  if(TARGET drover_pch)
    target_precompile_headers(${name} REUSE_FROM drover_pch)
  endif()
  install(TARGETS ${name} LIBRARY DESTINATION lib/drover/plugins COMPONENT plugins)
endfunction()
