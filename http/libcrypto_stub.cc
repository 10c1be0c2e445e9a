// Loaded under the name libcrypto.so (see LoadTlsStubs in http/tls.h). It only depends on libcrypto.so.3,
// which has all the functions.
