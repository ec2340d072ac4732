# Any 64-bit Arm Linux from Debian 10 on; the Raspberry Pi 4 (Cortex-A72) has no LSE atomics either, so the baseline Armv8.0 is right.
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(EDGESEG_TRIPLE aarch64-linux-gnu.2.28)
set(EDGESEG_CPU generic)
include("${CMAKE_CURRENT_LIST_DIR}/zig.cmake")
