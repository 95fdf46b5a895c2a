# Cross build of the kernel tests, run under qemu: cmake -S native -B build-neon -DSTRIATE_ADDON=OFF
#   -DCMAKE_TOOLCHAIN_FILE=native/aarch64.cmake. Linked statically, so that no sysroot has to be named.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
