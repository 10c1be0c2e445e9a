// Loaded under the name libcrypto.so (see PrepareTls in http/civetweb_gaps.h). It only depends on
// libcrypto.so.3, which has all the functions.
