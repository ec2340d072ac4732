# The developer's own machine: the baseline x86-64, so that a program runs on any. The prebuilt TF Lite for x86-64 needs glibc 2.29 itself.
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(EDGESEG_TRIPLE x86_64-linux-gnu.2.28)
set(EDGESEG_CPU x86_64)
include("${CMAKE_CURRENT_LIST_DIR}/zig.cmake")
