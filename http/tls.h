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
#include <optional>
#include <string>
#include <vector>

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
  // PEM in a file, or else the PEM itself.
  std::string cert_file, cert;
  std::string key_file, key;
  ClientCertificate client_certificate = ClientCertificate::kNone;
  std::string client_ca_file, client_ca;  // neither: the host's own CAs
  // If set, a client's certificate must be for one of these names, addresses, e-mail addresses or URIs.
  std::optional<std::vector<std::string>> client_allowed_sans;
  int min_version = 0;                     // OpenSSL's TLS1_2_VERSION and the like; 0: TLS 1.2
  int max_version = 0;                     // 0: the newest
  std::vector<std::string> cipher_suites;  // of TLS 1.2 and older, by IANA's names; none: OpenSSL's choice
  std::string curves;                      // "P-256:X25519"; empty: OpenSSL's choice
  bool prefer_server_ciphers = true;
};

class TlsContext {
 public:
  // Called with one line if changed files, or a cipher suite, cannot be used.
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
