// Stands for libcrypto.so (see LoadTlsStubs in http/tls.h): everything comes from libcrypto.so.3, which
// it needs.
