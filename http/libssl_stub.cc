// Loaded under the name libssl.so (see PrepareTls in http/civetweb_gaps.h). All functions come from
// libssl.so.3, on which it depends, except this one: in OpenSSL 3 SSL_get_peer_certificate is only a macro.

extern "C" {

struct x509_st;
struct ssl_st;
struct x509_st* SSL_get1_peer_certificate(const struct ssl_st* ssl);
struct x509_st* SSL_get_peer_certificate(const struct ssl_st* ssl);

struct x509_st* SSL_get_peer_certificate(const struct ssl_st* ssl) { return SSL_get1_peer_certificate(ssl); }

}  // extern "C"
