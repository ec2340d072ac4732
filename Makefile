# The front door: every target is one line to Invoke (tasks.py). Works with GNU make 3.81 and later.
.DEFAULT_GOAL := help
.NOTPARALLEL:

# What each target takes. A variable that a target does not take, or that nobody knows, is refused below before anything starts.
TAKES_setup    := ENGINE
TAKES_demo     := CONFIG DATA SET ENGINE
TAKES_data     := DATA ARCHIVE DATASET ENGINE
TAKES_train    := CONFIG DATA RUN SET ENGINE
TAKES_quantize := RUN DATA ENGINE
TAKES_compile  := RUN DATA ENGINE
TAKES_build-device := TARGET ENGINE
TAKES_bundle   := RUN DATA TARGET ENGINE
TAKES_predict  := RUN DATA ENGINE
TAKES_evaluate := RUN DATA ENGINE
TAKES_report   := RUN ENGINE
TAKES_models   := ENGINE
TAKES_models-table := CONFIG DATA SET ENGINE
TAKES_test     := ENGINE
TAKES_lint     := ENGINE
TAKES_smoke    := ENGINE
TAKES_bench    := ENGINE
TAKES_images   := ENGINE
TAKES_shell    := ENGINE
TAKES_doctor   :=
TAKES_lock     :=
TAKES_clean    :=
ENGINES  := auto docker podman local
DATASETS := 38-cloud 95-cloud
TARGETS  := mendel generic native

VARIABLES := CONFIG DATA RUN SET ENGINE ARCHIVE DATASET TARGET
ENGINE ?= auto
# Values travel in the environment, never through shell text, so spaces and quotes in them arrive as they were typed.
export EDGESEG_CONFIG = $(CONFIG)
export EDGESEG_DATA = $(DATA)
export EDGESEG_RUN = $(RUN)
export EDGESEG_SET = $(SET)
export EDGESEG_ENGINE = $(ENGINE)
export EDGESEG_ARCHIVE = $(ARCHIVE)
export EDGESEG_DATASET = $(DATASET)
export EDGESEG_TARGET = $(TARGET)
INVOKE = @sh orchestrate/invoke.sh

.PHONY: help setup demo data train quantize compile build-device bundle predict evaluate report models models-table test lint smoke bench images doctor \
        lock clean

help: ## list the targets and variables (the default)
	@awk -f orchestrate/help.awk Makefile
setup: ## make what stages run in, the trainer image or .venv (every stage does so by itself)
	$(INVOKE) setup
demo: ## the whole chain, from patches to a scored int8 model; on demo data unless DATA is given
	$(INVOKE) demo
data: ## fetch 38-Cloud or 95-Cloud into DATA, from Kaggle or from ARCHIVE
	$(INVOKE) data
train: ## train a network into a new run folder, or go on with RUN
	$(INVOKE) train
quantize: ## make the TF Lite variants of a run
	$(INVOKE) quantize
compile: ## check int8.tflite and compile it for the Edge TPU (needs edgetpu_compiler)
	$(INVOKE) compile
build-device: ## cross-build inference and stitch for the board into out/TARGET
	$(INVOKE) build-device
bundle: ## put programs, model and golden output of a run together in bundle/, for a board
	$(INVOKE) bundle
predict: ## make stitched masks of whole scenes with every variant of a run
	$(INVOKE) predict
evaluate: ## score the masks of a run, float and int8 side by side
	$(INVOKE) evaluate
report: ## write report.html of a run
	$(INVOKE) report
models: ## compare parameters, operations and operators with the published figures
	$(INVOKE) models
models-table: ## put networks side by side; with CONFIG as recipe also trained and scored
	$(INVOKE) models-table
test: ## run all tests, the quick ones first
	$(INVOKE) test
lint: ## check style, file sizes, paths and Dockerfiles
	$(INVOKE) lint
smoke: ## the whole chain on a tiny model, down to the board's programs under QEMU
	$(INVOKE) smoke
bench: ## run every benchmark and keep the figures under benchmarks/results
	$(INVOKE) bench
images: ## build the container images that are missing or outdated
	$(INVOKE) images
shell-%: ## open a shell in an image: make shell-trainer
	$(INVOKE) shell --image $*
doctor: ## look this machine over: engines, disk, GPU, compiler, board, each with a remedy
	$(INVOKE) doctor
lock: ## resolve the hash-pinned lock files again (needs uv)
	$(INVOKE) lock
clean: ## remove caches and what killed processes left; never runs, data or .venv
	$(INVOKE) clean

#: CONFIG   a TOML file of configs/ (default: the defaults of the code)
#: DATA     a folder in the 38-Cloud layout; for data: where to put it (default: data/38-cloud or data/95-cloud)
#: RUN      a run folder, or its name below runs/ (default: the newest; for train: a new one)
#: SET      changes to the config, without spaces in a value: SET="train.epochs=3 data.bands=rgb"
#: ENGINE   where stages run: docker, podman, local, or auto, the first of these that is there (default: auto)
#: ARCHIVE  a .zip or .tar file to unpack instead of a download
#: DATASET  38-cloud or 95-cloud (default: 38-cloud)
#: TARGET   mendel (Dev Board Mini), generic (Raspberry Pi 4, 64-bit) or native (default: mendel)

# --- wrong variables are refused while this file is read ---
space := $(subst x,,x x)
GOALS := $(if $(MAKECMDGOALS),$(MAKECMDGOALS),help)
GIVEN := $(foreach v,$(.VARIABLES),$(if $(findstring command line,$(origin $(v))),$(if $(findstring -*-,$(v)),,$(v))))
OWN := MAKE% SHELL CURDIR # make's own, which a calling make or an editor may hand down
UNKNOWN := $(filter-out $(VARIABLES) $(OWN),$(GIVEN))
TAKEN := $(sort $(foreach g,$(GOALS),$(TAKES_$(if $(filter shell-%,$(g)),shell,$(g)))))
UNUSED := $(filter-out $(TAKEN) $(OWN),$(GIVEN))
$(if $(UNKNOWN),$(error unknown variable $(UNKNOWN); the variables are: $(VARIABLES)))
$(if $(UNUSED),$(error $(GOALS) does not take $(UNUSED); it takes: $(if $(TAKEN),$(TAKEN),no variable)))
$(if $(filter-out 1,$(words $(ENGINE)))$(filter-out $(ENGINES),$(ENGINE)),$(error ENGINE=$(ENGINE): no such engine; allowed: $(ENGINES)))
$(if $(DATASET),$(if $(filter $(DATASETS),$(DATASET)),,$(error DATASET=$(DATASET): no such dataset; allowed: $(DATASETS))))
$(if $(TARGET),$(if $(filter $(TARGETS),$(TARGET)),,$(error TARGET=$(TARGET): no such target; allowed: $(TARGETS))))
FOUND := $(if $(strip $(CONFIG)),$(wildcard $(subst $(space),\$(space),$(CONFIG))))
$(if $(strip $(CONFIG)),$(if $(FOUND),,$(error CONFIG=$(CONFIG): no such file; those there are: $(wildcard configs/*.toml))))
