# The portable program, which deploy/release.sh builds: only the C and C++ libraries and OpenSSL are shared, so it runs on
# every distribution with glibc 2.36 or later. All other libraries are Debian 12's static archives. Debian has none of
# civetweb and prometheus-cpp: deploy/static_sources.sh gets the sources of its packages, which are compiled here.
option(AGENT_EXPORTER_PORTABLE "Link all libraries but libc, libstdc++ and OpenSSL statically" OFF)
set(AGENT_EXPORTER_STATIC_SOURCES ${PROJECT_SOURCE_DIR}/build/static_sources CACHE PATH
  "What deploy/static_sources.sh has written, for the portable program")

if(AGENT_EXPORTER_PORTABLE)
  enable_language(C)
  # The same bytes wherever the sources lie, the hardening that Debian builds its packages with, and no code that nobody
  # calls.
  add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}=. -fstack-protector-strong -fstack-clash-protection
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -ffunction-sections -fdata-sections)
  add_link_options(-Wl,-z,relro,-z,now -Wl,--gc-sections)
endif()

# agent_exporter_link_statically(<target> ...): imported targets, and those that they link, get their static archives.
function(agent_exporter_link_statically)
  foreach(target IN LISTS ARGN)
    get_target_property(done ${target} AGENT_EXPORTER_STATIC)
    get_target_property(aliased ${target} ALIASED_TARGET)
    if(done)
      continue()
    elseif(aliased)
      set(target ${aliased})
    endif()
    set_property(TARGET ${target} PROPERTY AGENT_EXPORTER_STATIC ON)
    foreach(property IMPORTED_LOCATION IMPORTED_LOCATION_NONE IMPORTED_LOCATION_RELEASE)
      get_target_property(location ${target} ${property})
      if(location MATCHES "\\.so[.0-9]*$")
        string(REGEX REPLACE "\\.so[.0-9]*$" ".a" location ${location})
        set_target_properties(${target} PROPERTIES ${property} ${location})
      endif()
    endforeach()
    get_target_property(links ${target} INTERFACE_LINK_LIBRARIES)
    foreach(link IN LISTS links)
      if(TARGET ${link})
        agent_exporter_link_statically(${link})
      endif()
    endforeach()
  endforeach()
endfunction()

# Gives the libraries found their static archives, and adds civetweb_c and prometheus_core from Debian's sources.
function(agent_exporter_static_libraries)
  agent_exporter_link_statically(ZLIB::ZLIB SQLite::SQLite3 yaml-cpp::yaml-cpp absl::cleanup absl::flat_hash_map
    absl::flat_hash_set absl::function_ref absl::hash absl::span absl::status absl::statusor absl::strings)
  set_target_properties(spdlog::spdlog_header_only PROPERTIES INTERFACE_LINK_LIBRARIES fmt::fmt-header-only)
  target_link_libraries(spdlog_cc INTERFACE spdlog::spdlog_header_only)

  set(civetweb ${AGENT_EXPORTER_STATIC_SOURCES}/civetweb)
  set(prometheus ${AGENT_EXPORTER_STATIC_SOURCES}/prometheus-cpp/core)
  if(NOT EXISTS ${civetweb} OR NOT EXISTS ${prometheus})
    message(FATAL_ERROR "The portable program needs ${AGENT_EXPORTER_STATIC_SOURCES}: run deploy/static_sources.sh")
  endif()
  add_library(civetweb_c STATIC ${civetweb}/src/civetweb.c)
  target_include_directories(civetweb_c SYSTEM PUBLIC ${civetweb}/include)
  # Debian's build has neither IPv6 on Debian 12 nor OpenSSL 3, and waits up to two seconds before it looks whether it
  # is to stop.
  target_compile_definitions(civetweb_c
    PRIVATE USE_IPV6 OPENSSL_API_3_0 NO_SSL_DL NO_CGI NO_FILES NO_CACHING NDEBUG
      USE_STACK_SIZE=102400 SOCKET_TIMEOUT_QUANTUM=100)
  target_compile_options(civetweb_c PRIVATE -w)
  target_link_libraries(civetweb_c PUBLIC OpenSSL::SSL OpenSSL::Crypto Threads::Threads)

  file(GLOB sources CONFIGURE_DEPENDS ${prometheus}/src/*.cc ${prometheus}/src/detail/*.cc)
  add_library(prometheus_core STATIC ${sources})
  target_compile_features(prometheus_core PUBLIC cxx_std_17)
  # core_export.h is made by its own build; the installed package has it.
  target_include_directories(prometheus_core SYSTEM PUBLIC ${prometheus}/include ${prometheus-cpp_INCLUDE_DIR})
  target_include_directories(prometheus_core PRIVATE ${prometheus}/src)
  target_compile_options(prometheus_core PRIVATE -w)
endfunction()
