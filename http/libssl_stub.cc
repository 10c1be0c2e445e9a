// Stands for libssl.so (see LoadTlsStubs in http/tls.h): everything but this comes from libssl.so.3,
// which it needs. OpenSSL 3 made SSL_get_peer_certificate a macro for the function that hands over a
// reference.

extern "C" {

struct x509_st;
struct ssl_st;
struct x509_st* SSL_get1_peer_certificate(const struct ssl_st* ssl);
struct x509_st* SSL_get_peer_certificate(const struct ssl_st* ssl);

struct x509_st* SSL_get_peer_certificate(const struct ssl_st* ssl) { return SSL_get1_peer_certificate(ssl); }

}  // extern "C"
