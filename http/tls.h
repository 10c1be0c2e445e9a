// TLS for the HTTP server: builds the OpenSSL context that civetweb uses.
//
// Certificate and key are reloaded when their files change, so a renewed certificate needs no restart. While
// the new files do not match (half written), the old pair stays in use.
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
  kNone,             // not requested
  kRequested,        // requested, not verified
  kRequired,         // required, not verified
  kVerifiedIfGiven,  // optional, but verified against client_ca_file
  kVerified,         // required, and verified against client_ca_file
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
  // Called with one line if changed files cannot be used.
  using Log = std::function<void(const std::string&)>;

  // InvalidArgument names the file that cannot be read, is not PEM, or does not match the other file.
  static absl::StatusOr<std::unique_ptr<TlsContext>> Make(const TlsOptions& options, Log log);
  ~TlsContext();

  // An SSL_CTX*, owned by this.
  void* get() const;

 private:
  struct Impl;
  explicit TlsContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace agent_exporter::http

#endif  // AGENT_EXPORTER_HTTP_TLS_H_
