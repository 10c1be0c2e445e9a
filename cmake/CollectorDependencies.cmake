# What the collectors need, and the rooms below them. The installed CMake package reads this file too.
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(absl REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)
find_package(SQLite3 REQUIRED)

# These Debian packages have no CMake package on both releases. (pkg-config is no way out: on Debian 13 it takes half a
# minute to expand re2's 150 Abseil requirements.)
function(agent_exporter_plain_library target library header)
  if(AGENT_EXPORTER_PORTABLE AND NOT library MATCHES "\\.a$")
    set(library lib${library}.a)
  endif()
  find_library(${target}_LIBRARY ${library} REQUIRED)
  find_path(${target}_INCLUDE_DIR ${header} REQUIRED)
  add_library(${target} UNKNOWN IMPORTED)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION ${${target}_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${${target}_INCLUDE_DIR})
endfunction()
# Static: the program loads its BPF programs by the same libbpf everywhere.
agent_exporter_plain_library(libbpf_c libbpf.a bpf/libbpf.h)
agent_exporter_plain_library(elf_c elf libelf.h)
target_link_libraries(elf_c INTERFACE ZLIB::ZLIB)
target_link_libraries(libbpf_c INTERFACE elf_c ZLIB::ZLIB)
agent_exporter_plain_library(re2_cc re2 re2/re2.h)

# spdlog_cc and prometheus_core: what the rooms link. The portable program has its own (Portable.cmake).
add_library(spdlog_cc INTERFACE IMPORTED)
if(NOT AGENT_EXPORTER_PORTABLE)
  target_link_libraries(spdlog_cc INTERFACE spdlog::spdlog)
  add_library(prometheus_core INTERFACE IMPORTED)
  target_link_libraries(prometheus_core INTERFACE prometheus-cpp::core)
endif()

# yaml-cpp before 0.8 (Debian 12) exports its target without a namespace.
if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()
