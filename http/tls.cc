#include "http/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"

namespace agent_exporter::http {
namespace {

using SteadyClock = std::chrono::steady_clock;

// The files are checked for changes at most this often.
constexpr std::chrono::seconds kCheckInterval{1};

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
void FreeChain(STACK_OF(X509) * chain) { sk_X509_pop_free(chain, X509_free); }
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;

// What a handshake presents. Immutable.
struct Pair {
  std::unique_ptr<X509, Deleter<X509_free>> certificate;
  std::unique_ptr<STACK_OF(X509), Deleter<FreeChain>> chain;
  std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>> key;
};

// Returns OpenSSL's last error and clears its error queue.
std::string Reason() {
  char text[256] = "unknown";
  if (const unsigned long code = ERR_peek_last_error(); code != 0)
    ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

// Refuses keys with a passphrase. Without this callback OpenSSL would ask for it on the terminal.
int NoPassphrase(char*, int, int, void*) { return 0; }

absl::StatusOr<Bio> Open(const std::string& file, const char* key) {
  Bio bio(BIO_new_file(file.c_str(), "re"));
  if (bio == nullptr) {
    const int error = errno;
    ERR_clear_error();
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read ", key, " ", file, ": ", std::strerror(error)));
  }
  return bio;
}

absl::StatusOr<Pair> ReadPair(const TlsOptions& options) {
  Pair pair;
  absl::StatusOr<Bio> bio = Open(options.cert_file, "cert_file");
  if (!bio.ok()) return bio.status();
  pair.certificate.reset(PEM_read_bio_X509_AUX(bio->get(), nullptr, NoPassphrase, nullptr));
  if (pair.certificate == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("cert_file ", options.cert_file, " contains no certificate in PEM format: ", Reason()));
  }
  pair.chain.reset(sk_X509_new_null());
  while (X509* next = PEM_read_bio_X509(bio->get(), nullptr, NoPassphrase, nullptr)) {
    sk_X509_push(pair.chain.get(), next);
  }
  ERR_clear_error();  // PEM_read_bio reports the end of the file as an error
  bio = Open(options.key_file, "key_file");
  if (!bio.ok()) return bio.status();
  pair.key.reset(PEM_read_bio_PrivateKey(bio->get(), nullptr, NoPassphrase, nullptr));
  if (pair.key == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("key_file ", options.key_file,
                     " contains no private key in PEM format without a passphrase: ", Reason()));
  }
  if (X509_check_private_key(pair.certificate.get(), pair.key.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        absl::StrCat("key_file ", options.key_file, " does not match cert_file ", options.cert_file));
  }
  return pair;
}

// A text that changes whenever one of the files changes.
std::string Version(const TlsOptions& options) {
  std::string version;
  for (const std::string* file : {&options.cert_file, &options.key_file}) {
    struct stat stat = {};
    if (::stat(file->c_str(), &stat) != 0) continue;
    absl::StrAppend(&version, stat.st_dev, ":", stat.st_ino, ":", stat.st_size, ":", stat.st_mtim.tv_sec, ".",
                    stat.st_mtim.tv_nsec, " ");
  }
  return version;
}

int AcceptAny(int, X509_STORE_CTX*) { return 1; }

absl::Status SetClientCertificate(const TlsOptions& options, SSL_CTX* context) {
  switch (options.client_certificate) {
    case ClientCertificate::kNone:
      SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
      break;
    case ClientCertificate::kRequested:
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER, AcceptAny);
      break;
    case ClientCertificate::kRequired:
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, AcceptAny);
      break;
    case ClientCertificate::kVerifiedIfGiven:
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
      break;
    case ClientCertificate::kVerified:
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
      break;
  }
  if (options.client_ca_file.empty()) return absl::OkStatus();
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(options.client_ca_file.c_str());
  if (names == nullptr ||
      SSL_CTX_load_verify_locations(context, options.client_ca_file.c_str(), nullptr) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("client_ca_file ", options.client_ca_file,
                                                   " contains no certificate in PEM format: ", Reason()));
  }
  SSL_CTX_set_client_CA_list(context, names);
  return absl::OkStatus();
}

}  // namespace

struct TlsContext::Impl {
  TlsOptions options;
  Log log;
  Context context;

  std::mutex mutex;
  std::shared_ptr<const Pair> pair;
  std::string version;
  SteadyClock::time_point checked_at;

  std::shared_ptr<const Pair> Current();
  static int ShowCertificate(SSL* ssl, void* self) noexcept;
};

std::shared_ptr<const Pair> TlsContext::Impl::Current() {
  const std::lock_guard<std::mutex> lock(mutex);
  const SteadyClock::time_point now = SteadyClock::now();
  if (now - checked_at < kCheckInterval) return pair;
  checked_at = now;
  std::string current = Version(options);
  if (current == version) return pair;
  version = std::move(current);
  absl::StatusOr<Pair> changed = ReadPair(options);
  if (changed.ok()) {
    pair = std::make_shared<const Pair>(*std::move(changed));
  } else if (log) {
    log(absl::StrCat("cannot use the changed TLS files, keeping the old ones: ", changed.status().message()));
  }
  return pair;
}

int TlsContext::Impl::ShowCertificate(SSL* ssl, void* self) noexcept {
  try {
    const std::shared_ptr<const Pair> pair = static_cast<Impl*>(self)->Current();
    return SSL_use_cert_and_key(ssl, pair->certificate.get(), pair->key.get(), pair->chain.get(), 1);
  } catch (...) {
    return 0;
  }
}

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;
void* TlsContext::get() const { return impl_->context.get(); }

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::Make(const TlsOptions& options, Log log) {
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  impl->log = std::move(log);
  impl->version = Version(options);
  absl::StatusOr<Pair> pair = ReadPair(options);
  if (!pair.ok()) return pair.status();
  impl->pair = std::make_shared<const Pair>(*std::move(pair));
  impl->context.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = impl->context.get();
  const int version = options.min_version == 0 ? TLS1_2_VERSION : options.min_version;
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, version) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("cannot set up TLS: ", Reason()));
  }
  // TLS 1.0 and 1.1 have only signatures that OpenSSL's default security level refuses.
  if (version < TLS1_2_VERSION) SSL_CTX_set_security_level(context, 0);
  // No session resumption: a connection serves one request, and every client must send its certificate again.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_cert_cb(context, Impl::ShowCertificate, impl.get());
  if (absl::Status status = SetClientCertificate(options, context); !status.ok()) return status;
  return std::unique_ptr<TlsContext>(new TlsContext(std::move(impl)));
}

}  // namespace agent_exporter::http
