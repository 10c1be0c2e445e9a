#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/descriptor.h"
#include "http/tls.h"
#include "tls_stubs/libcrypto_stub.h"
#include "tls_stubs/libssl_stub.h"

namespace agent_exporter::http {
namespace {

// Loads a library from memory, so that the program remains a single file. After that the loader knows the
// library by its SONAME and returns it for every dlopen of that name. The library is never closed. The caller
// keeps *file open until both libraries are loaded, because the loader takes the same path for the same
// library.
absl::Status LoadFromMemory(const char* name, const unsigned char* bytes, size_t size,
                            base::Descriptor* file) {
  *file = base::Descriptor(::memfd_create(name, MFD_CLOEXEC));
  if (!file->ok()) return absl::UnavailableError(absl::StrCat("memfd_create: ", std::strerror(errno)));
  if (::write(file->get(), bytes, size) != static_cast<ssize_t>(size)) {
    return absl::UnavailableError(absl::StrCat("writing ", name, " to memory: ", std::strerror(errno)));
  }
  if (::dlopen(absl::StrCat("/proc/self/fd/", file->get()).c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) {
    return absl::UnavailableError(absl::StrCat("loading ", name, ": ", ::dlerror()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status LoadTlsStubs() {
  static const absl::Status* const kLoaded = new absl::Status([] {
    base::Descriptor crypto, ssl;
    absl::Status status = LoadFromMemory("libcrypto.so", kLibcryptoStub, sizeof kLibcryptoStub, &crypto);
    if (status.ok()) status = LoadFromMemory("libssl.so", kLibsslStub, sizeof kLibsslStub, &ssl);
    return status;
  }());
  return *kLoaded;
}

}  // namespace agent_exporter::http
