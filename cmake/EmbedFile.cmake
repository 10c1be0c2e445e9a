# Writes a header with the bytes of INPUT as `inline constexpr unsigned char NAME[]`. Run it as a script:
#   cmake -DINPUT=... -DOUTPUT=... -DNAME=... -P EmbedFile.cmake
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT} "inline constexpr unsigned char ${NAME}[] = {${bytes}};\n")
