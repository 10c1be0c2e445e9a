# Builds the BPF programs: clang compiles them, and bpftool turns them into a C header, so the program needs neither at
# run time. If a tool is missing, a message says so and the program uses procfs alone.
find_package(PkgConfig)
option(AGENT_EXPORTER_BPF "Build the BPF process source and events" ON)
find_program(BPF_CLANG NAMES clang clang-19 clang-14)
find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin)
pkg_check_modules(LIBBPF IMPORTED_TARGET libbpf>=1.0)

set(AGENT_EXPORTER_HAVE_BPF OFF)
if(NOT AGENT_EXPORTER_BPF)
  message(STATUS "BPF: disabled by AGENT_EXPORTER_BPF")
elseif(NOT BPF_CLANG OR NOT BPFTOOL OR NOT LIBBPF_FOUND)
  message(STATUS "BPF: not built, the program uses procfs alone; BPF needs clang (${BPF_CLANG}), bpftool (${BPFTOOL}), libbpf >= 1.0 (${LIBBPF_VERSION})")
else()
  set(AGENT_EXPORTER_HAVE_BPF ON)
  message(STATUS "BPF: built with ${BPF_CLANG}, libbpf ${LIBBPF_VERSION}")
endif()

# bpf_skeleton(<name> <out variable>): builds <name>.skel.h from bpf/<name>.bpf.c in the current folder.
function(bpf_skeleton name out)
  set(source ${CMAKE_CURRENT_SOURCE_DIR}/bpf/${name}.bpf.c)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(skeleton ${CMAKE_CURRENT_BINARY_DIR}/${name}.skel.h)
  file(GLOB headers ${CMAKE_CURRENT_SOURCE_DIR}/bpf/*.h)
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND ${BPF_CLANG} -O2 -g -target bpf -Wall -Werror -c ${source} -o ${object}
    COMMAND ${BPFTOOL} gen skeleton ${object} name ${name}_bpf > ${skeleton}
    DEPENDS ${source} ${headers}
    VERBATIM)
  set(${out} ${skeleton} PARENT_SCOPE)
endfunction()
