// TLS for the HTTP server: an OpenSSL context that civetweb takes as it is.
//
// Certificate and key are read again when their files change, so that a renewed certificate needs no restart;
// while the new files do not belong together (half written), the old pair serves.
//
// Ownership: TlsContext owns the OpenSSL context. Thread safety: safe to use from any number of handshakes.

#ifndef AGENT_EXPORTER_HTTP_TLS_H_
#define AGENT_EXPORTER_HTTP_TLS_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace agent_exporter::http {

enum class ClientCertificate {
  kNone,             // not asked for
  kRequested,        // asked for, not checked
  kRequired,         // must be there, not checked
  kVerifiedIfGiven,  // none, or one of client_ca_file
  kVerified,         // one of client_ca_file
};

struct TlsOptions {
  std::string cert_file;
  std::string key_file;
  ClientCertificate client_certificate = ClientCertificate::kNone;
  std::string client_ca_file;
  int min_version = 0;  // OpenSSL's TLS1_2_VERSION and the like; 0: TLS 1.2
};

class TlsContext {
 public:
  // Told, in one line, of changed files that cannot be used.
  using Log = std::function<void(const std::string&)>;

  // InvalidArgument names the file that cannot be read, is no PEM, or does not fit the other.
  static absl::StatusOr<std::unique_ptr<TlsContext>> Make(const TlsOptions& options, Log log);
  ~TlsContext();

  // An SSL_CTX*, owned by this.
  void* get() const;

 private:
  struct Impl;
  explicit TlsContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Makes civetweb able to serve TLS, once for the process; before its library is initialised. civetweb opens
// "libssl.so" and "libcrypto.so", the names of the development package, and needs a function that OpenSSL 3
// renamed: two stubs of these names, kept in this program, are loaded first. Unavailable says why they cannot
// be.
absl::Status LoadTlsStubs();

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_TLS_H_
