# Build policy in two INTERFACE targets, so that no folder repeats flags:
#   standard_settings  language level, include root, sanitizers
#   standard_warnings  warnings, errors in CI
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_EXTENSIONS OFF)

set(AGENT_EXPORTER_SANITIZE "" CACHE STRING "Sanitizers to build with, for instance address,undefined")
option(AGENT_EXPORTER_WERROR "Treat warnings as errors" OFF)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()

add_library(standard_settings INTERFACE)
target_compile_features(standard_settings INTERFACE cxx_std_20)
target_include_directories(standard_settings INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
if(AGENT_EXPORTER_SANITIZE)
  target_compile_options(standard_settings INTERFACE
    -fsanitize=${AGENT_EXPORTER_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(standard_settings INTERFACE -fsanitize=${AGENT_EXPORTER_SANITIZE})
  # Debian's abseil is built without sanitizers. Since 2023 its hash tables have another layout under ASan, unless
  # NDEBUG_SANITIZER says not; they poison freed slots too, which the library's own code then trips over (see below).
  target_compile_definitions(standard_settings INTERFACE NDEBUG_SANITIZER)
  # g++ 13 on does not see "&function == nullptr" as a constant under these checks, and abseil's headers need it.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
    target_compile_options(standard_settings INTERFACE
      -fno-sanitize=null,nonnull-attribute,returns-nonnull-attribute)
  endif()
endif()

if(AGENT_EXPORTER_FUZZ)
  target_compile_options(standard_settings INTERFACE -fsanitize=fuzzer-no-link)
endif()

add_library(standard_warnings INTERFACE)
target_compile_options(standard_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wconversion -Wno-sign-conversion
  -Wno-missing-field-initializers  # designated initialisers leave out what has a default
  $<$<BOOL:${AGENT_EXPORTER_WERROR}>:-Werror>)

# A fast build parses the headers that most sources share once and compiles sources by the eight. The test command's
# presets do; dev does not, since there one edited source is to be one compilation. What a fast build cannot see, a source
# that forgets an include, tests/includes.py finds.
option(AGENT_EXPORTER_FAST_BUILD "Compile several sources at once, with precompiled headers" OFF)
if(AGENT_EXPORTER_FAST_BUILD)
  set(CMAKE_UNITY_BUILD ON)
  # Of a class that holds one of the unnamed namespace: g++ takes that for a header's.
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endif()

option(AGENT_EXPORTER_MOLD "Link with mold where it is installed: faster" OFF)
if(AGENT_EXPORTER_MOLD)
  find_program(MOLD_EXECUTABLE mold)
  if(MOLD_EXECUTABLE)
    add_link_options(-fuse-ld=mold)
  endif()
endif()

# precompiled(<name> LINK ... HEADERS ...): an object library whose only purpose is its precompiled header.
function(precompiled name)
  cmake_parse_arguments(ARG "" "" "LINK;HEADERS" ${ARGN})
  file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc CONTENT "// Only for its precompiled header.\n")
  add_library(${name} OBJECT ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc)
  target_link_libraries(${name} PRIVATE standard_settings standard_warnings ${ARG_LINK})
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
endfunction()

if(AGENT_EXPORTER_FAST_BUILD)
  set(shared_headers
    <algorithm> <chrono> <filesystem> <fstream> <functional> <map> <memory> <optional> <string> <thread> <utility> <vector>
    <absl/container/flat_hash_map.h> <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/strings/str_join.h>
    <absl/strings/str_split.h> <nlohmann/json.hpp>)
  precompiled(program_headers
    LINK absl::flat_hash_map absl::statusor absl::strings nlohmann_json::nlohmann_json
    HEADERS ${shared_headers})
  if(AGENT_EXPORTER_BUILD_TESTS)
    precompiled(test_headers
      LINK absl::flat_hash_map absl::statusor absl::strings nlohmann_json::nlohmann_json GTest::gmock
      HEADERS ${shared_headers} <gmock/gmock.h> <gtest/gtest.h>)
  endif()
endif()

# agent_exporter_library(<name> SOURCES ... LINK ...): a static library under the project's policy.
function(agent_exporter_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC standard_settings ${ARG_LINK} PRIVATE standard_warnings)
  if(AGENT_EXPORTER_FAST_BUILD)
    target_precompile_headers(${name} REUSE_FROM program_headers)
  endif()
endfunction()

# Builds the tests labelled "sanitize": all that the asan and tsan presets need.
add_custom_target(sanitize_tests)

# agent_exporter_test(<name> SOURCES ... LINK ... [LABELS ...]): a GoogleTest binary, known to CTest under its own name.
# Label "sanitize" (the default) runs it under the sanitizers as well; LABELS none keeps it out of them,
# LABELS address runs it under asan but not under tsan (one thread, and tsan's own would be counted with it).
function(agent_exporter_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS sanitize)
  elseif(ARG_LABELS STREQUAL "address" AND AGENT_EXPORTER_SANITIZE MATCHES "address")
    set(ARG_LABELS sanitize)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE standard_settings standard_warnings ${ARG_LINK} GTest::gmock GTest::gtest_main)
  if(AGENT_EXPORTER_FAST_BUILD)
    target_precompile_headers(${name} REUSE_FROM test_headers)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300 LABELS "${ARG_LABELS}")
  if("sanitize" IN_LIST ARG_LABELS)
    add_dependencies(sanitize_tests ${name})
  endif()
  if(AGENT_EXPORTER_SANITIZE)
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "ASAN_OPTIONS=allow_user_poisoning=0")
  endif()
endfunction()
