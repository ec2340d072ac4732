# What every target shares: zig's clang through the wrappers in bin/. The target triple names the oldest glibc that a program may need.
# Set before including: EDGESEG_TRIPLE (for example aarch64-linux-gnu.2.28) and EDGESEG_CPU (zig's name of the processor).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER "${CMAKE_CURRENT_LIST_DIR}/bin/zig-cc")
set(CMAKE_CXX_COMPILER "${CMAKE_CURRENT_LIST_DIR}/bin/zig-c++")
set(CMAKE_AR "${CMAKE_CURRENT_LIST_DIR}/bin/zig-ar" CACHE FILEPATH "")
set(CMAKE_RANLIB "${CMAKE_CURRENT_LIST_DIR}/bin/zig-ranlib" CACHE FILEPATH "")
set(CMAKE_C_FLAGS_INIT "-target ${EDGESEG_TRIPLE} -mcpu=${EDGESEG_CPU}")
set(CMAKE_CXX_FLAGS_INIT "-target ${EDGESEG_TRIPLE} -mcpu=${EDGESEG_CPU}")
# Nothing of the machine that builds may leak into a program for another one.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
