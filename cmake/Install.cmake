# What `cmake --install` installs, in two components:
#   program      the program, its systemd units, man page, completions, alerts, dashboards and profiles
#   development  a CMake package with the collectors, for C++ programs that embed them (not of the portable program: its
#                libraries are no one else's)
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(data ${CMAKE_INSTALL_DATADIR}/agent_exporter)
set(help_pages ${PROJECT_BINARY_DIR}/help_pages)

# The unit names the program where it is installed, which only the installation knows (--prefix).
install(CODE "
  file(READ \"${PROJECT_SOURCE_DIR}/deploy/agent_exporter.service\" text)
  string(REPLACE /usr/local/bin/ \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/\" text \"\${text}\")
  file(WRITE \"${PROJECT_BINARY_DIR}/agent_exporter.service\" \"\${text}\")" COMPONENT program)
install(FILES ${PROJECT_BINARY_DIR}/agent_exporter.service deploy/agent_exporter.socket
  DESTINATION lib/systemd/system COMPONENT program)

install(TARGETS agent_exporter RUNTIME COMPONENT program)
install(FILES deploy/sysusers.conf DESTINATION lib/sysusers.d RENAME agent_exporter.conf COMPONENT program)
install(FILES ${help_pages}/agent_exporter.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
install(FILES ${help_pages}/agent_exporter.bash RENAME agent_exporter
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT program)
install(FILES ${help_pages}/_agent_exporter
  DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT program)
install(FILES ${help_pages}/agent_exporter.fish
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT program)
install(DIRECTORY alerts/ DESTINATION ${data}/alerts COMPONENT program FILES_MATCHING PATTERN "*.yml")
install(DIRECTORY dashboards/ DESTINATION ${data}/dashboards COMPONENT program
  FILES_MATCHING PATTERN "*.json" PATTERN "*.yaml" PATTERN "*.yml"
  PATTERN render EXCLUDE PATTERN schema EXCLUDE PATTERN source EXCLUDE)
install(FILES agents/profiles.yaml DESTINATION ${data} COMPONENT program)
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)

if(AGENT_EXPORTER_PORTABLE)
  return()
endif()
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/agent_exporter)
install(TARGETS standard_settings agent_base agent_kernel agent_agents agent_collectors
  EXPORT agent_exporter COMPONENT development)
foreach(room base kernel agents collectors)
  set_target_properties(agent_${room} PROPERTIES EXPORT_NAME ${room})
  install(DIRECTORY ${room} DESTINATION include/agent_exporter COMPONENT development
    FILES_MATCHING PATTERN "*.h" PATTERN "bpf" EXCLUDE)
endforeach()
install(EXPORT agent_exporter NAMESPACE agent_exporter:: DESTINATION ${package} COMPONENT development
  FILE agent_exporter-targets.cmake)
file(CONFIGURE OUTPUT agent_exporter-config.cmake @ONLY CONTENT
[[include("${CMAKE_CURRENT_LIST_DIR}/CollectorDependencies.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/agent_exporter-targets.cmake")
]])
write_basic_package_version_file(${PROJECT_BINARY_DIR}/agent_exporter-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES cmake/CollectorDependencies.cmake ${PROJECT_BINARY_DIR}/agent_exporter-config.cmake
    ${PROJECT_BINARY_DIR}/agent_exporter-config-version.cmake
  DESTINATION ${package} COMPONENT development)
