# The one graph of images: `docker buildx bake -f docker/docker-bake.hcl` reads it, and so does orchestrate/images, which builds from it with
# any Docker since 20.10 or with podman. Base images come from docker/bases.toml: `eval "$(python -m orchestrate.images.bases)"` before bake.

variable "EDGESEG_BASE_DEBIAN" { default = "" }
variable "EDGESEG_BASE_PYTHON" { default = "" }
variable "EDGESEG_BASE_RUNTIME" { default = "" }
variable "EDGESEG_BASE_CUDA" { default = "" }
variable "EDGESEG_BASE_BOARD" { default = "" }
variable "EDGESEG_APT_SNAPSHOT" { default = "" }
variable "EDGESEG_VERSION" { default = "0.1.0" }
variable "EDGESEG_REVISION" { default = "" } # the commit, where images are published
variable "EDGESEG_REPOSITORY" { default = "edgeseg" }

group "default" {
  targets = ["trainer", "tests", "compiler", "device-builder", "runtime"]
}

# What is not built unasked: a base image without a digest yet (trainer-gpu), a library that is not ours to pass on (runtime-edgetpu).
group "all" {
  targets = ["default", "trainer-gpu", "runtime-edgetpu"]
}

target "_common" {
  context = "."
  labels = {
    "org.opencontainers.image.version"  = EDGESEG_VERSION
    "org.opencontainers.image.revision" = EDGESEG_REVISION
    "org.opencontainers.image.licenses" = "Apache-2.0"
  }
  # For builders that can (buildx with a container driver or containerd's image store); elsewhere: bake --provenance=false --sbom=false.
  attest = ["type=sbom", "type=provenance,mode=max"]
}

target "trainer" {
  inherits   = ["_common"]
  dockerfile = "docker/trainer/Dockerfile"
  target     = "trainer"
  platforms  = ["linux/amd64", "linux/arm64"]
  args       = { BASE = EDGESEG_BASE_PYTHON }
  tags       = ["${EDGESEG_REPOSITORY}/trainer:${EDGESEG_VERSION}"]
  labels = {
    "org.opencontainers.image.title"       = "edgeseg trainer"
    "org.opencontainers.image.description" = "Python 3.10 with TensorFlow 2.10.1 and everything the pipeline runs on"
  }
}

target "tests" {
  inherits   = ["_common"]
  dockerfile = "docker/tests/Dockerfile"
  target     = "tests"
  platforms  = ["linux/amd64"]
  args       = { SNAPSHOT = EDGESEG_APT_SNAPSHOT }
  contexts   = { trainer = "target:trainer", device-builder = "target:device-builder" }
  tags       = ["${EDGESEG_REPOSITORY}/tests:${EDGESEG_VERSION}"]
  labels = {
    "org.opencontainers.image.title"       = "edgeseg tests"
    "org.opencontainers.image.description" = "The trainer with what tests and linters need: make, git, QEMU, the cross compiler"
  }
}

target "trainer-gpu" {
  inherits   = ["_common"]
  dockerfile = "docker/trainer-gpu/Dockerfile"
  target     = "trainer-gpu"
  platforms  = ["linux/amd64"]
  args       = { BASE = EDGESEG_BASE_PYTHON, CUDA = EDGESEG_BASE_CUDA }
  tags       = ["${EDGESEG_REPOSITORY}/trainer-gpu:${EDGESEG_VERSION}"]
  labels = {
    "org.opencontainers.image.title"       = "edgeseg trainer for NVIDIA GPUs"
    "org.opencontainers.image.description" = "The trainer with TensorFlow's GPU wheel, CUDA 11.2 and cuDNN 8.1"
  }
}

target "compiler" {
  inherits   = ["_common"]
  dockerfile = "docker/compiler/Dockerfile"
  target     = "compiler"
  platforms  = ["linux/amd64"]
  args       = { BASE = EDGESEG_BASE_DEBIAN, SNAPSHOT = EDGESEG_APT_SNAPSHOT }
  contexts   = { trainer = "target:trainer" }
  tags       = ["${EDGESEG_REPOSITORY}/compiler:${EDGESEG_VERSION}"]
  labels = {
    "org.opencontainers.image.title"       = "edgeseg compiler"
    "org.opencontainers.image.description" = "Google's edgetpu_compiler 16.0"
  }
}

target "device-builder" {
  inherits   = ["_common"]
  dockerfile = "docker/device-builder/Dockerfile"
  target     = "device-builder"
  platforms  = ["linux/amd64"]
  args       = { BASE = EDGESEG_BASE_PYTHON, SNAPSHOT = EDGESEG_APT_SNAPSHOT }
  tags       = ["${EDGESEG_REPOSITORY}/device-builder:${EDGESEG_VERSION}"]
  labels = {
    "org.opencontainers.image.title"       = "edgeseg device-builder"
    "org.opencontainers.image.description" = "The cross compiler, CMake and the pinned sources of the board's programs"
  }
}

target "runtime" {
  inherits   = ["_common"]
  dockerfile = "docker/runtime/Dockerfile"
  target     = "runtime"
  platforms  = ["linux/amd64", "linux/arm64"]
  args       = { BASE = EDGESEG_BASE_RUNTIME, SNAPSHOT = EDGESEG_APT_SNAPSHOT }
  tags       = ["${EDGESEG_REPOSITORY}/runtime:${EDGESEG_VERSION}"]
  labels = {
    "org.opencontainers.image.title"       = "edgeseg runtime"
    "org.opencontainers.image.description" = "Python with a TF Lite runtime and device/, for a host with the USB accelerator"
  }
}

# The virtual Dev Board. Not built unasked either: `invoke board up` builds it.
target "board" {
  inherits   = ["_common"]
  dockerfile = "docker/board/Dockerfile"
  target     = "board"
  platforms  = ["linux/arm64"]
  args       = { BASE = EDGESEG_BASE_BOARD, SNAPSHOT = EDGESEG_APT_SNAPSHOT }
  tags       = ["${EDGESEG_REPOSITORY}/board:${EDGESEG_VERSION}"]
  labels = {
    "org.opencontainers.image.title"       = "edgeseg virtual board"
    "org.opencontainers.image.description" = "arm64 Debian with sshd, rsync and Python, in place of a Coral Dev Board without its Edge TPU"
  }
}

# The same with Google's libedgetpu, for one's own machines.
target "runtime-edgetpu" {
  inherits = ["runtime"]
  target   = "runtime-edgetpu"
  tags     = ["${EDGESEG_REPOSITORY}/runtime-edgetpu:${EDGESEG_VERSION}"]
  labels   = { "org.opencontainers.image.title" = "edgeseg runtime with libedgetpu" }
}
