// The accept(2) of the whole program, in place of the C library's. civetweb calls it; see http/front_door.h.

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "http/front_door.h"

extern "C" __attribute__((visibility("default"))) int accept(int socket, sockaddr* address,
                                                             socklen_t* length) {
  const std::optional<int> taken = agent_exporter::http::FrontDoor::Take(socket, address, length);
  return taken ? *taken : static_cast<int>(syscall(SYS_accept4, socket, address, length, 0));
}
