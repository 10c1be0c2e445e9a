# Sets AGENT_EXPORTER_REVISION to the commit of this repository, or to "unknown" in an unpacked archive. --git-dir stops
# git from using a repository that only contains the sources' folder.
#
# AGENT_EXPORTER_REVISION in the environment comes first, for builds of an archive whose commit is known.
#
# Run as a script (cmake -P), it prints the revision.
get_filename_component(AGENT_EXPORTER_SOURCES ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
execute_process(
  COMMAND git --git-dir=${AGENT_EXPORTER_SOURCES}/.git rev-parse --short HEAD
  OUTPUT_VARIABLE AGENT_EXPORTER_REVISION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT "$ENV{AGENT_EXPORTER_REVISION}" STREQUAL "")
  set(AGENT_EXPORTER_REVISION $ENV{AGENT_EXPORTER_REVISION})
endif()
if(NOT AGENT_EXPORTER_REVISION)
  set(AGENT_EXPORTER_REVISION unknown)
endif()
if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  message(STATUS "revision: ${AGENT_EXPORTER_REVISION}")
endif()
