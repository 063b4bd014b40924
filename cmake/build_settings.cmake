# Settings of the whole build: where results go, warnings, ccache, sanitizers, tests.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# Programs share the precompiled header of the libraries, which g++ accepts under the same code model only.
set(CMAKE_CXX_COMPILE_OPTIONS_PIE -fPIC)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

# The build tree looks like an installed one: bin/drover finds ../lib/drover/plugins in both.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(DROVER_PLUGIN_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib/drover/plugins)
set(CMAKE_INSTALL_LIBDIR lib)
set(CMAKE_INSTALL_RPATH "$ORIGIN/../lib;$ORIGIN/../../../lib")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  # Without these allowances ccache does not cache what includes a precompiled header.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these falsely inside libstdc++ and Asio when it inlines (GCC bugs 105562, 105593).
  add_compile_options(-Wno-maybe-uninitialized -Wno-mismatched-new-delete -Wno-stringop-overflow
                      -Wno-array-bounds -Wno-restrict -fno-gnu-unique -fpch-preprocess)
endif()
add_link_options(-Wl,--build-id -Wl,--as-needed)
if(NOT DROVER_SANITIZE)
  add_link_options(-Wl,--no-undefined)
endif()

if(DROVER_SANITIZE)
  add_compile_options(-fsanitize=${DROVER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${DROVER_SANITIZE})
  if(DROVER_SANITIZE MATCHES "undefined")
    # vptr needs the type information of every library, which hidden visibility keeps inside.
    add_compile_options(-fno-sanitize=vptr)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
      # clang 14 cannot assemble coroutines with it ("a difference across sections").
      add_compile_options(-fno-sanitize=function)
    endif()
  endif()
  if(DROVER_SANITIZE MATCHES "thread")
    # ThreadSanitizer does not follow fences, on which Asio's own reference counts rely. Boost's, which Asio takes
    # instead of its own when this is defined, order by the counter itself.
    add_compile_definitions(BOOST_ASIO_DISABLE_STD_ATOMIC)
  endif()
endif()

if(DROVER_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
  # Each fuzzer leaves a file that names it (below); those that are no more leave none.
  file(GLOB former_fuzzers ${PROJECT_BINARY_DIR}/fuzzers/*.fuzzer)
  file(REMOVE ${former_fuzzers})
endif()

find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(Threads REQUIRED)

if(DROVER_TESTS)
  enable_testing()
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()

# Assertions by the thousand: optimising them takes twice the time and gains nothing.
function(drover_compile_fast target)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(${target} PRIVATE -O1)
  endif()
endfunction()

# drover_test(name SOURCES a.cpp ... LINK target ... LABELS unit|conformance|integration|fault|e2e [server:redis ...])
# Every case becomes a test of its own, found when the test program is first run.
function(drover_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS;DEPENDS;DEFINES" ${ARGN})
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "drover_test(${name}): unknown arguments: ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT DROVER_TESTS)
    return()
  endif()
  add_executable(${name} ${ARG_SOURCES})
  foreach(label IN LISTS ARG_LABELS)
    set_property(GLOBAL APPEND PROPERTY DROVER_TESTS_${label} ${name})  # see tests/CMakeLists.txt
  endforeach()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE drover::sdk ${ARG_LINK} GTest::gtest GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE ${ARG_DEFINES}
    DROVER_BUILD_DIR="${PROJECT_BINARY_DIR}" DROVER_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_precompile_headers(${name} REUSE_FROM drover_pch)
  drover_compile_fast(${name})
  if(DROVER_SANITIZE MATCHES "undefined")
    # The cases are not what is tested: without this check they compile in half the time.
    set(cases ${ARG_SOURCES})
    list(FILTER cases INCLUDE REGEX "_test\\.cpp$")
    if(cases)
      set_source_files_properties(${cases} PROPERTIES COMPILE_OPTIONS -fno-sanitize=undefined)
    endif()
  endif()
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(DROVER_SANITIZE)
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 4")
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 120 TEST_LIST ${name}_cases
    PROPERTIES TIMEOUT ${ARG_TIMEOUT})
  # gtest_discover_tests cannot pass a list on, so several labels are set by a file that ctest reads after its own.
  set(labels_file ${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake)
  file(WRITE ${labels_file} "foreach(case IN LISTS ${name}_cases)\n"
    "  set_tests_properties(\"\${case}\" PROPERTIES LABELS \"${ARG_LABELS}\")\nendforeach()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${labels_file})
endfunction()

# drover_fuzzer(name SOURCES a.cpp LINK target ... [CORPUS folder] [DICTIONARY file]): a libFuzzer program,
# LLVMFuzzerTestOneInput in it. CORPUS holds inputs to begin with; DICTIONARY words to put into inputs.
function(drover_fuzzer name)
  cmake_parse_arguments(ARG "" "CORPUS;DICTIONARY" "SOURCES;LINK" ${ARGN})
  if(NOT DROVER_FUZZ)
    return()
  endif()
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzzers)
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  foreach(part IN ITEMS CORPUS DICTIONARY)
    if(ARG_${part})
      get_filename_component(ARG_${part} ${ARG_${part}} ABSOLUTE)
    endif()
  endforeach()
  file(WRITE ${PROJECT_BINARY_DIR}/fuzzers/${name}.fuzzer "${ARG_CORPUS}\n${ARG_DICTIONARY}\n")
  set_property(GLOBAL APPEND PROPERTY DROVER_FUZZERS ${name})
endfunction()
