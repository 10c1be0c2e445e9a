# Build policy in two INTERFACE targets, so that folders need not repeat flags:
#   standard_settings  language level, include root, sanitizers
#   standard_warnings  warnings, and whether they are errors
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_EXTENSIONS OFF)

set(AGENT_EXPORTER_SANITIZE "" CACHE STRING "Sanitizers to build with, for instance address,undefined")
option(AGENT_EXPORTER_WERROR "Treat warnings as errors" OFF)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()

add_library(standard_settings INTERFACE)
target_compile_features(standard_settings INTERFACE cxx_std_20)
target_include_directories(standard_settings INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/generated>
  $<INSTALL_INTERFACE:include/agent_exporter>)
if(AGENT_EXPORTER_SANITIZE)
  target_compile_options(standard_settings INTERFACE
    -fsanitize=${AGENT_EXPORTER_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(standard_settings INTERFACE -fsanitize=${AGENT_EXPORTER_SANITIZE})
  # Debian's abseil is built without sanitizers. Since 2023 its hash tables have another layout under ASan, unless
  # NDEBUG_SANITIZER is defined. They also poison freed slots, which the library's own code then reads: see
  # allow_user_poisoning below.
  target_compile_definitions(standard_settings INTERFACE NDEBUG_SANITIZER)
  # With these checks g++ 13 and later do not accept "&function == nullptr" as a constant, which abseil's headers need.
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
  -Wno-missing-field-initializers  # designated initialisers may omit fields that have defaults
  $<$<BOOL:${AGENT_EXPORTER_WERROR}>:-Werror>)

# A fast build precompiles the headers that most sources share and compiles eight sources at a time. The test command's
# presets use it. dev does not, so that one edited source is one compilation. A fast build cannot find missing includes;
# tests/includes.py does.
option(AGENT_EXPORTER_FAST_BUILD "Compile several sources at once, with precompiled headers" OFF)
if(AGENT_EXPORTER_FAST_BUILD)
  set(CMAKE_UNITY_BUILD ON)
  # g++ takes the combined file for a header and warns of classes with members of types in an unnamed namespace.
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endif()

option(AGENT_EXPORTER_MOLD "Link with mold if it is installed, which is faster" OFF)
if(AGENT_EXPORTER_MOLD)
  find_program(MOLD_EXECUTABLE mold)
  if(MOLD_EXECUTABLE)
    # mold 1.10 of Debian 12 may begin the RELRO segment in a page that is not mapped: the program does not start.
    add_link_options(-fuse-ld=mold -Wl,-z,norelro)
  endif()
endif()

# precompiled(<name> LINK ... HEADERS ...): an object library that exists only for its precompiled header.
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

# agent_exporter_program(<name> SOURCES ... LINK ...): a program with the project's settings and warnings.
function(agent_exporter_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE standard_settings standard_warnings ${ARG_LINK})
  if(AGENT_EXPORTER_FAST_BUILD)
    target_precompile_headers(${name} REUSE_FROM program_headers)
  endif()
endfunction()

# agent_exporter_library(<name> SOURCES ... LINK ...): a static library with the project's settings and warnings.
function(agent_exporter_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC standard_settings ${ARG_LINK} PRIVATE $<BUILD_INTERFACE:standard_warnings>)
  if(AGENT_EXPORTER_FAST_BUILD)
    target_precompile_headers(${name} REUSE_FROM program_headers)
  endif()
endfunction()

# Builds the tests labelled "sanitize"; the asan and tsan presets need no others.
add_custom_target(sanitize_tests)

# agent_exporter_test(<name> SOURCES ... LINK ... [LABELS ...]): a GoogleTest program and a CTest of the same name.
# The default label "sanitize" runs it under the sanitizers too. LABELS none excludes it from them. LABELS address runs it
# under asan but not under tsan: for tests of code that starts no thread, and for those that count threads, since tsan
# adds one.
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
