# Build policy in two INTERFACE targets, so that no folder repeats flags:
#   standard_settings  language level, include root, sanitizers
#   standard_warnings  warnings, errors in CI
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_EXTENSIONS OFF)

set(AGENT_EXPORTER_SANITIZE "" CACHE STRING "Sanitizers to build with, for instance address,undefined")
option(AGENT_EXPORTER_WERROR "Treat warnings as errors" ON)

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

# agent_exporter_library(<name> SOURCES ... LINK ...): a static library under the project's policy.
function(agent_exporter_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC standard_settings ${ARG_LINK} PRIVATE standard_warnings)
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
  target_compile_definitions(${name} PRIVATE
    AGENT_EXPORTER_TESTDATA="${PROJECT_SOURCE_DIR}/tests/testdata")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300 LABELS "${ARG_LABELS}")
  if("sanitize" IN_LIST ARG_LABELS)
    add_dependencies(sanitize_tests ${name})
  endif()
  if(AGENT_EXPORTER_SANITIZE)
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "ASAN_OPTIONS=allow_user_poisoning=0")
  endif()
endfunction()
