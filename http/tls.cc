#include "http/tls.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
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

// "cert_file /etc/server.crt", or "cert" for PEM in the configuration itself.
std::string Named(std::string_view key, const std::string& file) {
  return file.empty() ? std::string(key) : fmt::format("{}_file {}", key, file);
}

absl::StatusOr<Bio> Open(std::string_view key, const std::string& file, const std::string& pem) {
  if (file.empty()) return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Bio bio(BIO_new_file(file.c_str(), "re"));
  if (bio == nullptr) {
    const int error = errno;
    ERR_clear_error();
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read ", Named(key, file), ": ", std::strerror(error)));
  }
  return bio;
}

absl::StatusOr<Pair> ReadPair(const TlsOptions& options) {
  Pair pair;
  absl::StatusOr<Bio> bio = Open("cert", options.cert_file, options.cert);
  if (!bio.ok()) return bio.status();
  pair.certificate.reset(PEM_read_bio_X509_AUX(bio->get(), nullptr, NoPassphrase, nullptr));
  if (pair.certificate == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(Named("cert", options.cert_file), " contains no certificate in PEM format: ", Reason()));
  }
  pair.chain.reset(sk_X509_new_null());
  while (X509* next = PEM_read_bio_X509(bio->get(), nullptr, NoPassphrase, nullptr)) {
    sk_X509_push(pair.chain.get(), next);
  }
  ERR_clear_error();  // PEM_read_bio reports the end of the file as an error
  bio = Open("key", options.key_file, options.key);
  if (!bio.ok()) return bio.status();
  pair.key.reset(PEM_read_bio_PrivateKey(bio->get(), nullptr, NoPassphrase, nullptr));
  if (pair.key == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(Named("key", options.key_file),
                     " contains no private key in PEM format without a passphrase: ", Reason()));
  }
  if (X509_check_private_key(pair.certificate.get(), pair.key.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        absl::StrCat(Named("key", options.key_file), " does not match ", Named("cert", options.cert_file)));
  }
  return pair;
}

// A text that changes whenever one of the files changes.
std::string Version(const TlsOptions& options) {
  std::string version;
  for (const std::string* file : {&options.cert_file, &options.key_file}) {
    struct stat stat = {};  // of an empty name: no change
    if (::stat(file->c_str(), &stat) != 0) continue;
    absl::StrAppend(&version, stat.st_dev, ":", stat.st_ino, ":", stat.st_size, ":", stat.st_mtim.tv_sec, ".",
                    stat.st_mtim.tv_nsec, " ");
  }
  return version;
}

bool IsVerified(const TlsOptions& options) {
  return options.client_certificate == ClientCertificate::kVerified ||
         options.client_certificate == ClientCertificate::kVerifiedIfGiven;
}

// Empty for other kinds of names.
std::string TextOf(const GENERAL_NAME& name) {
  const ASN1_STRING* value = nullptr;
  if (name.type == GEN_DNS || name.type == GEN_EMAIL || name.type == GEN_URI) value = name.d.ia5;
  if (name.type == GEN_IPADD) value = name.d.iPAddress;
  if (value == nullptr) return "";
  const std::string bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                          static_cast<size_t>(ASN1_STRING_length(value)));
  if (name.type != GEN_IPADD) return bytes;
  char address[INET6_ADDRSTRLEN] = "";
  if (bytes.size() == sizeof(in_addr)) inet_ntop(AF_INET, bytes.data(), address, sizeof(address));
  if (bytes.size() == sizeof(in6_addr)) inet_ntop(AF_INET6, bytes.data(), address, sizeof(address));
  return address;
}

bool IsForOneOf(const X509* certificate, const std::vector<std::string>& allowed) {
  const std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const std::string name = TextOf(*sk_GENERAL_NAME_value(names.get(), i));
    if (!name.empty() && std::find(allowed.begin(), allowed.end(), name) != allowed.end()) return true;
  }
  return false;
}

// Where a context has its TlsOptions.
int OptionsIndex() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// OpenSSL calls this for each certificate of the client's chain, the client's own (depth 0) last.
int VerifyClient(int verified, X509_STORE_CTX* store) {
  const auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const auto* options =
      static_cast<const TlsOptions*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), OptionsIndex()));
  if (IsVerified(*options) && verified != 1) return 0;
  if (X509_STORE_CTX_get_error_depth(store) == 0 && options->client_allowed_sans &&
      !IsForOneOf(X509_STORE_CTX_get_current_cert(store), *options->client_allowed_sans)) {
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
  }
  return 1;
}

absl::Status SetClientCertificate(const TlsOptions& options, SSL_CTX* context) {
  int mode = SSL_VERIFY_PEER;
  if (options.client_certificate == ClientCertificate::kNone) mode = SSL_VERIFY_NONE;
  if (options.client_certificate == ClientCertificate::kRequired ||
      options.client_certificate == ClientCertificate::kVerified) {
    mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  SSL_CTX_set_ex_data(context, OptionsIndex(), const_cast<TlsOptions*>(&options));
  SSL_CTX_set_verify(context, mode, VerifyClient);
  if (options.client_ca_file.empty() && options.client_ca.empty()) {
    if (IsVerified(options)) SSL_CTX_set_default_verify_paths(context);
    return absl::OkStatus();
  }
  absl::StatusOr<Bio> bio = Open("client_ca", options.client_ca_file, options.client_ca);
  if (!bio.ok()) return bio.status();
  int read = 0;
  while (X509* const next = PEM_read_bio_X509(bio->get(), nullptr, NoPassphrase, nullptr)) {
    const std::unique_ptr<X509, Deleter<X509_free>> certificate(next);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), next);
    SSL_CTX_add_client_CA(context, next);
    ++read;
  }
  const std::string reason = Reason();  // PEM_read_bio reports the end of the file as an error
  if (read > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(Named("client_ca", options.client_ca_file),
                                                 " contains no certificate in PEM format: ", reason));
}

// Cipher suites that this OpenSSL does not have are left out. As in exporter-toolkit, those of TLS 1.3 are
// not for choice, and if no others are left, there is no older version.
absl::Status SetCiphers(const TlsOptions& options, SSL_CTX* context, const TlsContext::Log& log) {
  if (!options.curves.empty() && SSL_CTX_set1_groups_list(context, options.curves.c_str()) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("cannot use curve_preferences: ", Reason()));
  }
  if (options.cipher_suites.empty()) return absl::OkStatus();
  SSL_CTX_set_cipher_list(context, "ALL");
  const STACK_OF(SSL_CIPHER)* const known = SSL_CTX_get_ciphers(context);
  std::string list;
  for (const std::string& suite : options.cipher_suites) {
    const SSL_CIPHER* found = nullptr;
    for (int i = 0; i < sk_SSL_CIPHER_num(known); ++i) {
      const SSL_CIPHER* const cipher = sk_SSL_CIPHER_value(known, i);
      if (suite == SSL_CIPHER_standard_name(cipher)) found = cipher;
    }
    if (found == nullptr) {
      if (log) log(absl::StrCat("cipher_suites: OpenSSL has no ", suite, " here; going on without it"));
    } else if (std::string_view(SSL_CIPHER_get_version(found)) != "TLSv1.3") {
      absl::StrAppend(&list, list.empty() ? "" : ":", SSL_CIPHER_get_name(found));
    }
  }
  const bool set = list.empty() ? SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1
                                : SSL_CTX_set_cipher_list(context, list.c_str()) == 1;
  return set ? absl::OkStatus()
             : absl::InvalidArgumentError(absl::StrCat("cannot use cipher_suites: ", Reason()));
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
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, version) != 1 ||
      SSL_CTX_set_max_proto_version(context, options.max_version) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("cannot set up TLS: ", Reason()));
  }
  // TLS 1.0 and 1.1 have only signatures that OpenSSL's default security level refuses.
  if (version < TLS1_2_VERSION) SSL_CTX_set_security_level(context, 0);
  // No session resumption: a connection serves one request, and every client must send its certificate again.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  if (options.prefer_server_ciphers) SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_cert_cb(context, Impl::ShowCertificate, impl.get());
  if (absl::Status status = SetCiphers(options, context, impl->log); !status.ok()) return status;
  if (absl::Status status = SetClientCertificate(impl->options, context); !status.ok()) return status;
  return std::unique_ptr<TlsContext>(new TlsContext(std::move(impl)));
}

}  // namespace agent_exporter::http
