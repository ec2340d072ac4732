# Coral Dev Board Mini under Mendel: MediaTek 8167s, four Cortex-A35 (Armv8.0: no LSE atomics), Debian 10's glibc 2.28.
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(EDGESEG_TRIPLE aarch64-linux-gnu.2.28)
set(EDGESEG_CPU cortex_a35)
include("${CMAKE_CURRENT_LIST_DIR}/zig.cmake")
