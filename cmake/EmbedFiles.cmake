# embed_files(<out variable> <name=path> ...): makes a C++ source that contains these files; web/web_files.h is its
# interface.
#
# The build runs this file as a script (cmake -P) to write that source, so an edited file needs no reconfiguring.
if(CMAKE_SCRIPT_MODE_FILE)
  set(table "")
  set(arrays "")
  set(number 0)
  foreach(entry IN LISTS FILES)
    string(REGEX MATCH "^([^=]+)=(.*)$" matched "${entry}")
    set(name ${CMAKE_MATCH_1})
    file(READ "${CMAKE_MATCH_2}" bytes HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    string(APPEND arrays "constexpr unsigned char kFile${number}[] = {${bytes}};\n")
    string(APPEND table
      "      {\"${name}\", {reinterpret_cast<const char*>(kFile${number}), sizeof(kFile${number})}},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  file(WRITE "${OUT}" "// Made by cmake/EmbedFiles.cmake.\n#include \"web/web_files.h\"\n\nnamespace agent_exporter::web {\n"
    "namespace {\n${arrays}}  // namespace\n\nconst std::vector<WebFile>& WebFiles() {\n"
    "  static const auto* const files = new std::vector<WebFile>{\n${table}  };\n  return *files;\n}\n\n"
    "}  // namespace agent_exporter::web\n")
  return()
endif()

set(AGENT_EXPORTER_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(embed_files out)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/web_files.cc)
  set(paths "")
  foreach(entry IN LISTS ARGN)
    string(REGEX REPLACE "^[^=]+=" "" path "${entry}")
    list(APPEND paths "${path}")
  endforeach()
  add_custom_command(
    OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} "-DFILES=${ARGN}" -DOUT=${source} -P ${AGENT_EXPORTER_EMBED_SCRIPT}
    DEPENDS ${paths} ${AGENT_EXPORTER_EMBED_SCRIPT}
    VERBATIM)
  set(${out} ${source} PARENT_SCOPE)
endfunction()
