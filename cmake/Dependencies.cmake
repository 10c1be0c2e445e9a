# Every library comes from Debian's packages; deploy/packages.sh lists them by name.
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(absl REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(spdlog REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)

# RE2's and civetweb's Debian packages have no CMake package on both releases. (Debian 13's pkg-config takes half a minute
# to expand re2's 150 Abseil requirements.)
function(agent_exporter_plain_library target library header)
  find_library(${target}_LIBRARY ${library} REQUIRED)
  find_path(${target}_INCLUDE_DIR ${header} REQUIRED)
  add_library(${target} INTERFACE)
  target_include_directories(${target} SYSTEM INTERFACE ${${target}_INCLUDE_DIR})
  target_link_libraries(${target} INTERFACE ${${target}_LIBRARY})
endfunction()
agent_exporter_plain_library(civetweb_c civetweb civetweb.h)
agent_exporter_plain_library(re2_cc re2 re2/re2.h)

# yaml-cpp before 0.8 (Debian 12) exports a plain target name.
if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()

if(AGENT_EXPORTER_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
if(AGENT_EXPORTER_BUILD_BENCH)
  find_package(benchmark REQUIRED)
endif()
