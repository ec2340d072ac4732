"""Opens the CUDA libraries that TensorFlow 2.10 opens, and prints the GPUs it sees; exits 5, naming it, where a library does not load."""

import ctypes
import sys

LIBRARIES = (
    "cudart.so.11.0",
    "cublas.so.11",
    "cublasLt.so.11",
    "cufft.so.10",
    "curand.so.10",
    "cusolver.so.11",
    "cusparse.so.11",
    "cudnn.so.8",
)

for name in LIBRARIES:
    try:
        ctypes.CDLL(f"lib{name}")
    except OSError as error:
        print(f"edgeseg: self-test: {error}", file=sys.stderr)
        sys.exit(5)
cudnn = ctypes.CDLL("libcudnn.so.8")
cudnn.cudnnGetVersion.restype = ctypes.c_size_t
print("cudnn", cudnn.cudnnGetVersion())

import tensorflow  # noqa: E402  after the libraries, whose absence it only mentions

print("gpus", [device.name for device in tensorflow.config.list_physical_devices("GPU")])
