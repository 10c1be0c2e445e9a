#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "hooks/stream.h"

namespace agent_exporter::hooks {
namespace {

// OpenSSL sees no socket: it encrypts into memory and decrypts from there. So the stream below does all
// waiting, and no write of OpenSSL's can raise SIGPIPE.
class TlsStream : public Stream {
 public:
  TlsStream(std::unique_ptr<Stream> below, SSL* ssl) : below_(std::move(below)), ssl_(ssl, &SSL_free) {
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  }

  absl::Status Handshake() {
    return Drive([this] { return SSL_connect(ssl_.get()); }).status();
  }

  absl::Status Send(std::string_view data) override {
    while (!data.empty()) {
      const int size = static_cast<int>(std::min<size_t>(data.size(), kPiece));
      auto sent = Drive([&] { return SSL_write(ssl_.get(), data.data(), size); });
      if (!sent.ok()) return sent.status();
      data.remove_prefix(*sent);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<size_t> Receive(char* data, size_t size) override {
    const int most = static_cast<int>(std::min(size, kPiece));
    return Drive([&] { return SSL_read(ssl_.get(), data, most); });
  }

 private:
  static constexpr size_t kPiece = 16 * 1024;  // the longest TLS record

  // Repeats `operation` until it succeeds, moving bytes between OpenSSL and the stream below. 0: the peer
  // closed.
  template <typename Operation>
  absl::StatusOr<size_t> Drive(const Operation& operation) {
    while (true) {
      ERR_clear_error();
      const int result = operation();
      const int error = SSL_get_error(ssl_.get(), result);
      if (absl::Status status = SendEncrypted(); !status.ok()) return status;
      if (result > 0) return static_cast<size_t>(result);
      if (error == SSL_ERROR_ZERO_RETURN) return size_t{0};
      if (error != SSL_ERROR_WANT_READ) return Failure();
      std::array<char, kPiece> encrypted;
      auto got = below_->Receive(encrypted.data(), encrypted.size());
      if (!got.ok()) return got.status();
      if (*got == 0) return absl::UnavailableError("TLS: the server closed the connection");
      BIO_write(SSL_get_rbio(ssl_.get()), encrypted.data(), static_cast<int>(*got));
    }
  }

  absl::Status SendEncrypted() {
    std::array<char, kPiece> encrypted;
    int size = 0;
    while ((size = BIO_read(SSL_get_wbio(ssl_.get()), encrypted.data(), encrypted.size())) > 0) {
      if (absl::Status status = below_->Send({encrypted.data(), static_cast<size_t>(size)}); !status.ok())
        return status;
    }
    return absl::OkStatus();
  }

  absl::Status Failure() const {
    if (const long verdict = SSL_get_verify_result(ssl_.get()); verdict != X509_V_OK) {
      return absl::UnavailableError(
          absl::StrCat("the server's certificate: ", X509_verify_cert_error_string(verdict)));
    }
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    return absl::UnavailableError(absl::StrCat("TLS: ", reason == nullptr ? "failed" : reason));
  }

  const std::unique_ptr<Stream> below_;
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

// The certificate must name the host, or hold the address if that is what the URL has.
bool RequireName(SSL* ssl, const std::string& host) {
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1) return true;
  return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Stream>> StartTls(std::unique_ptr<Stream> stream, const std::string& host) {
  // A context for each connection: authorities that the system has come to trust count at once.
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_default_verify_paths(context.get()) != 1) {
    return absl::UnavailableError("TLS cannot be set up");
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL* ssl = SSL_new(context.get());
  if (ssl == nullptr) return absl::UnavailableError("TLS cannot be set up");
  auto tls = std::make_unique<TlsStream>(std::move(stream), ssl);
  if (!RequireName(ssl, host)) return absl::UnavailableError(absl::StrCat("TLS: bad host name ", host));
  if (absl::Status status = tls->Handshake(); !status.ok()) return status;
  return tls;
}

}  // namespace agent_exporter::hooks
