# make           the library and the programs         make check   the tests but the longest ones
# make run       the sample digits, in every mode     make test    all of them, also sanitized
# make serve     the page, to draw digits on          make asan    the sanitized programs alone
# make static    the command as one file that needs nothing but, for aot, this C library
# make static-musl  the same by musl: for any Linux, a folder that is empty otherwise, too
# make library   static and shared                    make lint    format, rooms, clang-tidy, clang
# make model     models/mnist/mnist.json anew         make bench   we and our peers, side by side
# make model-int8  the same in 8-bit integers, by the training images in MNIST_DIR
# make generated   generated/ anew                    make bench-graphs   the graphs that it runs
# make setup     what tests and lint need, installed  make clean
# make fuzz      the fuzz targets; T=npy SECONDS=60 runs those with "npy" in their names
# make tsan      threads under ThreadSanitizer
# make coverage  which lines the tests run, by room
# make targets   docs/targets.md anew: the machines that emitted C runs on
# make cuda-test   random graphs on an NVIDIA GPU, held against the interpreter
# make cuda-bench  models on it beside PyTorch, of TORCH_PYTHON
# make install   programs, library, header, manuals, completions below PREFIX (/usr/local);
#                make uninstall takes them away; DESTDIR is put before every path
# make dist      eigentensor-VERSION.tar.gz of what is committed, the same bytes anywhere
# make release   that, the command by musl and the wheel, in build/release, with their SHA256SUMS
# make wheel     a package for pip, with all it needs inside; CROSS= as below
# make abi       what the shared library offers, into packaging/, where the tests hold it against
# make deb       Debian packages of what is committed, in build/deb
# make docs      the documentation as a site, in build/docs
#
# Of the tests, T=passes takes those with "passes" in their path, F='*fuse*' Criterion's SUITE/CASE.
# A fresh Debian 12 needs git and make only: what else a target needs is installed on the way.
# CC=clang, BUILD=folder, OPTIMIZE=-O0 and V=1 (commands in full) suit every target.
# CROSS=aarch64-linux-gnu builds for another machine, into build/cross/TRIPLET, with the libraries
# below SYSROOT, which scripts/sysroot.sh fetches; JIT=no builds without libtcc.

ifeq ($(origin CC),default)
CC = $(CROSS:%=%-)gcc
endif
ifeq ($(origin AR),default)
AR = $(filter-out %-linux-musl-,$(CROSS:%=%-))ar
endif
BUILD ?= build$(CROSS:%=/cross/%)
MACHINE := $(if $(CROSS),$(firstword $(subst -, ,$(CROSS))),$(shell uname -m))
OPTIMIZE ?= -O2 -g
SANITIZE ?=
MAKEFLAGS += --no-print-directory
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif

IS_CLANG := $(findstring clang,$(CC) $(shell $(CC) --version 2>/dev/null))
WARNINGS = -Wall -Wextra -Werror $(if $(IS_CLANG),,-Wno-format-truncation)
# Against what slips through: canaries on the stack, checked copies, tables that are read-only once
# the program runs, and addresses that differ from run to run.
FORTIFY = $(if $(SANITIZE)$(findstring -O0,$(OPTIMIZE)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
# What is kept for later processes is for one build (runtime/compiled_cache.c).
LINK = -Wl,-z,relro,-z,now -Wl,--build-id
LINK_PROGRAM = -pie $(LINK)
# Objects are the same in whatever folder, since this name of it is, and debuggers look for sources
# where they run. What gcov counts is found by the folder's own name.
ANYWHERE = $(if $(findstring coverage,$(SANITIZE)),,PWD=/proc/self/cwd)
CFLAGS_ALL = -std=gnu11 -D_GNU_SOURCE $(OPTIMIZE) $(WARNINGS) -ffp-contract=off -fPIC $(SANITIZE) \
             $(MACHINE_FLAGS) -fstack-protector-strong $(FORTIFY) -I. -I$(BUILD)/onnx $(INCLUDES) \
             -idirafter templates/libc -MMD -MP
# The x87 of old PCs rounds otherwise; having so few registers, gcc suspects every longjmp.
MACHINE_FLAGS = $(if $(filter i%86,$(MACHINE)),-msse2 -mfpmath=sse -Wno-clobbered)
# What libtcc does to pages of code is done by runtime/backend/jit.c.
LIBRARIES = $(SEARCH) $(if $(HAS_JIT),-Wl$(comma)--wrap=mprotect -ltcc) -ljansson -lprotobuf-c \
            -lhogweed -lnettle $(STATIC) $(CROSS:%=-lgmp) -lpng -lz -ldl -lpthread -lm
comma = ,
# Other machines' libraries are static ones: their programs need a C library only. libtcc does not
# compile for all.
ifdef CROSS
SYSROOT ?= build/sysroot/$(CROSS)
MULTIARCH = $(CROSS:i686-%=i386-%)
INCLUDES = -isystem $(SYSROOT)/usr/include -isystem $(SYSROOT)/usr/include/$(MULTIARCH)
SEARCH = -L$(SYSROOT)/usr/lib/$(MULTIARCH) -L$(SYSROOT)/usr/lib
ifeq ($(SYSROOT),build/sysroot/$(CROSS))
include $(SYSROOT)/fetched.mk # which is empty: make begins anew once it is there
$(SYSROOT)/fetched.mk: scripts/sysroot.sh
	scripts/sysroot.sh $(CROSS) $(@D) && touch $@
endif
JIT ?= $(if $(wildcard $(SYSROOT)/usr/include/libtcc.h),yes,no)
endif
JIT ?= yes
HAS_JIT = $(filter yes,$(JIT))

objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)))
LIBRARY = $(BUILD)/libeigentensor.a
PROGRAMS = $(BUILD)/eigentensor $(BUILD)/eigentensor-server $(BUILD)/demo $(BUILD)/mnist-define
UNIT_TESTS = $(patsubst %.c,$(BUILD)/%,$(wildcard tests/*/test_*.c))
MODEL = models/mnist/mnist

.PHONY: always all library shared static run targets serve site model model-int8 generated check \
        test asan test-programs cuda-test cuda-bench stage install uninstall dist release wheel \
        static-musl abi docs \
        chosen sanitized coverage fuzz fuzz-build fuzz-programs tsan tsan-build tsan-programs \
        lint setup bench bench-programs bench-graphs math-digests clean
.SECONDARY:
.DEFAULT_GOAL = all
all: $(LIBRARY) $(PROGRAMS)
library: $(LIBRARY) $(SHARED)

run: $(BUILD)/eigentensor $(BUILD)/demo
	$(BUILD)/eigentensor build $(MODEL).json -o $(BUILD)/mnist-classify
	$(BUILD)/demo $(MODEL).json models/mnist/samples/*.png
	@BUILD=$(BUILD) scripts/next_steps.sh

model: $(BUILD)/mnist-define
	$< $(MODEL).json $(MODEL).safetensors

# In 8-bit integers, by the ranges on training images: needs MNIST's files in MNIST_DIR.
MNIST_DIR ?= ../shared/mnist
model-int8: $(BUILD)/eigentensor
	$< rewrite quantize $(MODEL).json -o $(MODEL)-int8.json --name mnist-int8 \
	    --data $(MNIST_DIR)/train-images-idx3-ubyte.gz

generated: $(BUILD)/eigentensor
	$< emit $(MODEL).json -o generated

# Machines that emitted C is compiled for, and on which it runs; takes an hour.
targets: $(BUILD)/eigentensor $(BUILD)/tests/modes/differential \
  $(patsubst %,$(BUILD)/tests/emit/test_%,cross aarch64 small wasm)
	{ scripts/targets.sh $(BUILD) && cat bench/boards/record.md && \
	    scripts/matrix.sh $(BUILD) && scripts/tool_targets.sh $(BUILD); } >$(BUILD)/targets.md
	cp $(BUILD)/targets.md docs/targets.md

# ---- Building ----

step = @$(if $(V),,printf '  %-5s %s\n' $(1) $@;) set $(if $(V),-x,+x);

# The library is all of compiler/ and runtime/ but what is a program of its own.
SOURCES = $(filter-out runtime/cli/% runtime/demo/% runtime/shared/% \
            runtime/backend/jit$(if $(HAS_JIT),_absent).c, \
            $(sort $(shell find compiler runtime -name '*.c')))
$(LIBRARY): $(SOURCES:%.c=$(BUILD)/%.o) $(BUILD)/onnx/onnx.pb-c.o $(BUILD)/jit
	$(call step,ar) rm -f $@; $(AR) rcsD $@ $(filter %.o,$^)
# Whether it was built with libtcc: as old as the last change of that.
$(BUILD)/jit: always
	@mkdir -p $(@D); echo $(JIT) | cmp -s - $@ || echo $(JIT) >$@
# The same as a shared library, for other languages.
SHARED = $(BUILD)/libeigentensor.so
VERSION := $(shell sed -n 's/^\#define ET_VERSION "\(.*\)"/\1/p' runtime/eigentensor.h)
SONAME = libeigentensor.so.$(firstword $(subst ., ,$(VERSION)))
$(SHARED): $(LIBRARY) $(call objects,runtime/shared/*.c) runtime/shared/exports.map
	$(call step,link) $(CC) -shared $(SANITIZE) $(LINK) -Wl,-soname,$(SONAME) $(filter %.o,$^) \
	    -Wl,--version-script=$(lastword $^) -Wl,-z,defs \
	    -Wl,--wrap=stdout,--wrap=stderr,--wrap=environ -Wl,--whole-archive $(LIBRARY) \
	    -Wl,--no-whole-archive -o $@ $(LIBRARIES)
	@ln -sf $(@F) $(@D)/$(SONAME)
shared: $(SHARED)
$(BUILD)/eigentensor: $(call objects,runtime/cli/*.c)
$(BUILD)/demo: $(call objects,runtime/demo/*.c)
$(BUILD)/mnist-define: $(call objects,models/mnist/*.c)
$(PROGRAMS): $(LIBRARY)
	$(call step,link) $(CC) $(SANITIZE) $(LINK_PROGRAM) $(filter %.o,$^) $(LIBRARY) -o $@ $(LIBRARIES)

# With all libraries inside. Its linker warns of what glibc does only where it is installed: dlopen
# for aot and cuda.
static: $(BUILD)/eigentensor-static
$(BUILD)/eigentensor-static: STATIC = -lgmp
$(BUILD)/eigentensor-static: $(call objects,runtime/cli/*.c) $(LIBRARY) \
    | $(if $(CROSS),,build/setup-static)
	$(call step,link) $(CC) -static $(SANITIZE) $(LINK) $(filter %.o,$^) $(LIBRARY) -o $@ $(LIBRARIES)

# By musl, and the libraries that scripts/sysroot_sources.sh builds for it: for every Linux of this
# architecture, of any age and with any C library or none.
MUSL = $(shell uname -m)-linux-musl
STATIC_MUSL = $(BUILD)/eigentensor-$(VERSION)-$(MUSL)
static-musl: | build/setup-musl
	$(MAKE) CROSS=$(MUSL) BUILD=$(BUILD)/musl static
	strip -o $(STATIC_MUSL) $(BUILD)/musl/eigentensor-static

# The server, with its page, samples and model inside; files.def lists what it serves as it is.
SERVER_FILES = $(sort $(shell find server/page -type f -not -name '.*' 2>/dev/null)) \
               $(sort $(wildcard models/mnist/samples/*.png)) server/openapi.json server/docs.css
# The models as WebAssembly, which the page runs by itself, but for sanitized builds. Looked at each
# time, since clang may have come meanwhile: where tests are to run, it has.
PAGE_MODULES = $(BUILD)/modules
MODULE_MAKER = $(if $(SANITIZE),,$(BUILD)/eigentensor)
$(PAGE_MODULES)/list: always $(MODULE_MAKER) \
    | $(if $(findstring test,$(MAKECMDGOALS)),build/setup-test) \
      $(if $(findstring site,$(MAKECMDGOALS)),build/setup-site)
	@scripts/page_modules.sh '$(MODULE_MAKER)' $(PAGE_MODULES)
SERVER_OBJECTS = $(filter-out %/main.o,$(call objects,server/*.c))
SERVER_TESTS = $(filter $(BUILD)/tests/server/%,$(UNIT_TESTS))
$(BUILD)/eigentensor-server: $(BUILD)/server/main.o $(BUILD)/libserver.a
$(BUILD)/libserver.a: $(SERVER_OBJECTS)
	$(call step,ar) rm -f $@; $(AR) rcsD $@ $^
$(BUILD)/server/files.def: $(SERVER_FILES) $(wildcard server/page) $(PAGE_MODULES)/list
	$(call step,gen) mkdir -p $(@D); n=0; \
	for file in $(SERVER_FILES) $$(sed 's|^|$(PAGE_MODULES)/|' $(PAGE_MODULES)/list); do \
	    n=$$((n + 1)); url=$${file#$(BUILD)/}; \
	    url=$${url#server/}; url=$${url#page/}; url=/$${url#models/mnist/}; \
	    echo "FILE_ROW(file_$$n, \"$$file\", \"$$url\")"; done >$@
$(BUILD)/server/files.o: $(BUILD)/server/files.def
$(BUILD)/server/files.o: private CFLAGS_FILE = -I$(BUILD)/server
$(BUILD)/server/models.o: $(wildcard $(MODEL)*.json $(MODEL)*.safetensors)
$(BUILD)/eigentensor-server $(SERVER_TESTS): $(BUILD)/libserver.a
$(BUILD)/eigentensor-server $(SERVER_TESTS): private LIBRARIES := $(BUILD)/libserver.a \
    $(LIBRARY) $(LIBRARIES)
serve: $(BUILD)/eigentensor-server
	$<
# The page for any static host: this browser runs the model, and no server.
site: $(PAGE_MODULES)/list | build/setup-site
	@scripts/site.sh $(PAGE_MODULES) $(BUILD)/site

# What protobuf-c makes of the format of ONNX files.
ONNX_FORMAT = $(BUILD)/onnx/onnx.pb-c
$(ONNX_FORMAT).h: compiler/import/onnx.proto | build/setup-run
	$(call step,gen) mkdir -p $(@D); protoc-c --proto_path=$(<D) --c_out=$(@D) $(<F)
$(ONNX_FORMAT).c: $(ONNX_FORMAT).h
$(ONNX_FORMAT).o: $(ONNX_FORMAT).c
	$(call step,cc) $(ANYWHERE) $(CC) $(CFLAGS_ALL) -c $< -o $@
$(call objects,compiler/import/*.c tests/support/onnx_model.c): | $(ONNX_FORMAT).h

$(BUILD)/%.o: %.c | build/setup-run
	$(call step,cc) mkdir -p $(@D); $(ANYWHERE) $(CC) $(CFLAGS_ALL) $(CFLAGS_FILE) -c $< -o $@

# These carry other files of the tree inside, word for word.
$(BUILD)/compiler/emit/templates.o $(BUILD)/runtime/cli/standalone.o \
  $(BUILD)/runtime/cli/module.o: \
    $(wildcard templates/* templates/cuda/* templates/programs/* templates/libc/* \
      templates/wasm/* compiler/base/* compiler/graph/*.def compiler/ir/launch.h runtime/*.h \
      runtime/backend/cuda* runtime/formats/* runtime/cli/*.[ch])

# The interpreter multiplies, adds and rounds by the C library, all else by templates/fma.h and
# round.h: each is held against the other.
$(call objects,compiler/evaluate/*.c) $(BUILD)/runtime/backend/math_symbols.o: \
    CFLAGS_FILE = -DFMA_OF_LIBRARY -DROUND_OF_LIBRARY

# Vector code is compiled once for each kind of CPU and chosen when the program starts. The last two
# options change no value. Tiles do without the instructions that would let gcc keep addresses in
# mask registers, which delays loads. Sanitizers would take minutes to follow -O3, and the fuzzer's
# counters for -O1; it has pages that cannot be touched around the kernels' buffers.
VECTOR_OPTIMIZE = $(if $(SANITIZE),-O1,-O3)
VECTOR_FLAGS = $(VECTOR_OPTIMIZE) $(if $(IS_CLANG),,-fno-loop-unroll-and-jam) \
               -fno-math-errno -fno-trapping-math \
               $(if $(findstring fuzzer,$(SANITIZE)),-fno-sanitize=all -Wno-pass-failed) \
               $(if $(IS_CLANG),,$(if $(SANITIZE),-Wno-maybe-uninitialized))
ifeq ($(MACHINE),x86_64)
$(BUILD)/runtime/kernels/%_avx2.o: CFLAGS_FILE = $(VECTOR_FLAGS) -mavx2 -mfma -mf16c
$(BUILD)/runtime/kernels/rows_avx512.o $(BUILD)/runtime/kernels/chains_avx512.o: \
    CFLAGS_FILE = $(VECTOR_FLAGS) -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma
$(BUILD)/runtime/kernels/tiles_avx512.o: CFLAGS_FILE = $(VECTOR_FLAGS) -mavx512f -mavx512bw -mfma
$(BUILD)/runtime/kernels/dots_avxvnni.o: CFLAGS_FILE = $(VECTOR_FLAGS) -mavx2 -mfma -mavxvnni
$(BUILD)/runtime/kernels/dots_avx512.o: CFLAGS_FILE = $(VECTOR_FLAGS) -mavx512f -mavx512bw
$(BUILD)/runtime/kernels/dots_avx512vnni.o: CFLAGS_FILE = $(VECTOR_FLAGS) -mavx512f -mavx512bw \
    -mavx512vnni
else ifeq ($(MACHINE),aarch64)
$(BUILD)/runtime/kernels/dots_dotprod.o: CFLAGS_FILE = $(VECTOR_FLAGS) -march=armv8.2-a+dotprod
$(BUILD)/runtime/kernels/dots_i8mm.o: CFLAGS_FILE = $(VECTOR_FLAGS) -march=armv8.2-a+i8mm
endif
$(BUILD)/runtime/kernels/%_baseline.o: CFLAGS_FILE = $(VECTOR_FLAGS)

# The chains take long to compile, sanitized twice as long, and work on whole rows that trials have
# pages around which cannot be touched: sanitized builds take those of the plain one, PLAIN.
CHAINS = $(patsubst %.c,%.o,$(wildcard runtime/kernels/chains_*.c))
ifdef PLAIN
$(CHAINS:%=$(BUILD)/%): $(BUILD)/%: $(PLAIN)/%
	$(call step,copy) mkdir -p $(@D); cp $< $@
endif

# ---- Tests ----

# What test programs share: random graphs, and what is done with them.
TEST_SUPPORT_OBJECTS = $(call objects,tests/support/*.c)
TEST_SUPPORT = $(BUILD)/tests/libsupport.a
$(TEST_SUPPORT): $(TEST_SUPPORT_OBJECTS)
	$(call step,ar) rm -f $@; $(AR) rcsD $@ $^

$(UNIT_TESTS:=.o) $(TEST_SUPPORT_OBJECTS): | build/setup-test $(ONNX_FORMAT).h
TEST_PROGRAMS = $(UNIT_TESTS) $(BUILD)/tests/modes/differential $(BUILD)/tests/import/sweep \
                $(BUILD)/tests/cuda/device
# Tests may look into a text without asking whether it is whole (compiler/base/text.h).
$(TEST_PROGRAMS:=.o) $(TEST_SUPPORT_OBJECTS): CFLAGS_FILE = -DTEXT_PRIVATE=
# CUDA kernels that tests compile call what the program has (tests/support/on_cpu.h).
$(TEST_PROGRAMS): private LINK += -Wl,--dynamic-list=tests/support/on_cpu.list
$(TEST_PROGRAMS): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(TEST_SUPPORT) $(LIBRARY)
	$(call step,link) $(CC) $(SANITIZE) $(LINK_PROGRAM) $(filter %.o,$^) $(TEST_SUPPORT) $(LIBRARY) \
	    -o $@ $(LIBRARIES) $(if $(filter test_%,$(@F)),-lcriterion) \
	    $(if $(filter test_math test_math64,$(@F)),-lmpfr -lgmp)

test-programs: $(TEST_PROGRAMS)

# All 2^32 inputs of the elementary functions of float32, of which the tests look at a part; other
# machines and compilers by CC and MATH_FLAGS.
MATH_FLAGS = -march=native
math-digests: | build/setup-run
	$(call step,cc) mkdir -p $(BUILD); $(CC) -std=gnu11 -O3 $(MATH_FLAGS) -I. \
	    tests/templates/math_digests.c -lm -o $(BUILD)/math-digests
	$(BUILD)/math-digests

# `check` leaves out what tests/long.txt lists, unless T or F asks for it; of tests/once.txt, `test`
# runs the sanitized programs alone.
TESTS := $(sort $(wildcard tests/*/test_*.c tests/*/test_*.sh))
is_chosen = $(if $(T),$(findstring $(T),$(1)),yes)
CHOSEN := $(strip $(foreach test,$(if $(F),$(filter %.c,$(TESTS)),$(TESTS)), \
            $(if $(call is_chosen,$(test)),$(test))))
LONG := $(shell sed '/^[^t]/d; s/ .*//' tests/long.txt)
ONCE := $(shell sed '/^[^t]/d' tests/once.txt)
SHORT := $(if $(T)$(F),$(CHOSEN),$(filter-out $(LONG),$(CHOSEN)))
run_tests = @$(if $(2),,echo "no test has \"$(T)\" in its path"; exit 1;) \
            FOLDERS='$(1)' FILTER='$(F)' scripts/test.sh $(2)
used_by_scripts = $(if $(filter %/test_sweep.sh,$(1)),$(BUILD)/tests/import/sweep) \
                  $(if $(filter %/test_nvrtc.sh %/test_onnx.sh %/test_aarch64.sh,$(1)), \
                    $(BUILD)/tests/modes/differential) \
                  $(if $(filter %/test_nvrtc.sh,$(1)),$(BUILD)/tests/cuda/test_modules) \
                  $(if $(filter %/test_stand_in.sh,$(1)),$(BUILD)/tests/cuda/device)
# What tests need: the programs among them, and for the scripts all else.
needs = $(patsubst %.c,$(BUILD)/%,$(filter %.c,$(1))) $(if $(filter %.sh,$(1)),all $(SHARED)) \
        $(call used_by_scripts,$(1)) $(if $(filter tests/fuzz/%,$(1)),fuzz-build) \
        $(if $(filter tests/tsan/%,$(1)),tsan-build)

SANITIZED = BUILD=$(BUILD)/asan PLAIN=$(BUILD) OPTIMIZE='-O1 -g1 -fno-omit-frame-pointer' \
            SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined'
sanitized: $(CHAINS:%=$(BUILD)/%) | build/setup-test
	@$(MAKE) $(SANITIZED) chosen
chosen: $(patsubst %.c,$(BUILD)/%,$(filter %.c,$(CHOSEN))) $(if $(filter %.sh,$(CHOSEN)),all) \
        $(call used_by_scripts,$(CHOSEN))

check: $(call needs,$(SHORT))
	$(call run_tests,$(BUILD),$(SHORT))
test: $(call needs,$(filter-out $(ONCE),$(CHOSEN))) sanitized
	$(call run_tests,$(BUILD) $(BUILD)/asan,$(CHOSEN))
asan: sanitized
	$(call run_tests,$(BUILD)/asan,$(filter %.c,$(CHOSEN)))

# What reads bytes from outside, fed by libFuzzer: a program for each tests/fuzz/fuzz_NAME.c.
FUZZ_PROGRAMS = $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZED = BUILD=$(BUILD)/fuzz PLAIN=$(BUILD) CC=clang \
         OPTIMIZE='-O1 -g1 -fno-omit-frame-pointer' SANITIZE='$\
  -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined'
$(FUZZ_PROGRAMS:=.o): CFLAGS_FILE = -DTEXT_PRIVATE=
$(FUZZ_PROGRAMS): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(TEST_SUPPORT) $(LIBRARY)
	$(call step,link) $(CC) $(SANITIZE) -fsanitize=fuzzer $< $(TEST_SUPPORT) \
	    $(filter %/libserver.a,$^) $(LIBRARY) -o $@ $(LIBRARIES)
$(BUILD)/tests/fuzz/fuzz_head $(BUILD)/tests/fuzz/fuzz_request: $(BUILD)/libserver.a
fuzz-programs: $(FUZZ_PROGRAMS)
fuzz-build: $(CHAINS:%=$(BUILD)/%) | build/setup-test
	+@! scripts/fuzz.sh check || $(MAKE) $(FUZZED) fuzz-programs
fuzz: fuzz-build
	$(if $(T)$(SECONDS),@BUILD=$(BUILD) scripts/fuzz.sh run '$(T)' '$(SECONDS)')

# Random graphs on this machine's GPU, from a seed on.
GRAPHS_ON_GPU = 3000
SEED = 1
cuda-test: $(BUILD)/tests/cuda/device
	tests/cuda/device.sh $< $(GRAPHS_ON_GPU) $(SEED)

# Models on a GPU beside PyTorch, which a Python of the user's must have.
cuda-bench: $(BUILD)/tests/cuda/device $(BUILD)/eigentensor
	mkdir -p $(BUILD)/bench/cuda; $${TORCH_PYTHON:-python3} bench/cuda.py $(BUILD)/bench/cuda

# What has threads, under ThreadSanitizer. Criterion's own main does not run there.
TSAN_TESTS = $(addprefix $(BUILD)/tests/,runtime/test_pool server/test_server \
               server/test_server_sizes server/test_server_workers modes/test_random)
ifneq ($(findstring thread,$(SANITIZE)),)
$(TSAN_TESTS): $(BUILD)/tests/tsan/main.o
endif
THREADED = BUILD=$(BUILD)/tsan PLAIN=$(BUILD) \
           OPTIMIZE='-O1 -g1 -fno-omit-frame-pointer' SANITIZE=-fsanitize=thread
tsan-programs: $(TSAN_TESTS) $(BUILD)/eigentensor-server
tsan-build: $(CHAINS:%=$(BUILD)/%) | build/setup-test
	@$(MAKE) $(THREADED) tsan-programs
tsan: tsan-build
	@BUILD=$(BUILD) tests/tsan/test_tsan.sh

# What the tests run of each room. Fuzz targets and what runs under ThreadSanitizer are built in
# other ways and not counted, nor are the thousands of processes of the fault drivers. At -O1, gcc
# warns of variables that are set on all paths.
COVERED = BUILD=$(BUILD)/coverage CC=gcc OPTIMIZE='-O1 -g -Wno-maybe-uninitialized' \
          SANITIZE=--coverage
COVERING = $(filter-out tests/faults/% tests/fuzz/% tests/tsan/%,$(CHOSEN))
coverage: | build/setup-test
	@$(MAKE) $(COVERED) chosen shared
	@find $(BUILD)/coverage -name '*.gcda' -delete; FOLDERS=$(BUILD)/coverage FILTER='$(F)' \
	    scripts/test.sh $(COVERING); status=$$?; \
	    scripts/coverage.py $(BUILD)/coverage && exit $$status

lint: $(ONNX_FORMAT).h $(BUILD)/server/files.def | build/setup-lint
	+scripts/lint.sh $(BUILD)

# ---- Bench: BENCH='--help' tells its options ----

# The peers, each of a pinned version, and the graphs of all workloads (as TinyGrad, ONNX and
# PyTorch say them), in a folder of their own.
PEERS = $(BUILD)/bench/ready
GRAPHS = $(BUILD)/bench/graphs
$(PEERS): bench/peers/setup.sh bench/peers/requirements.txt | build/setup-bench
	bench/peers/setup.sh $(@D)
# The measuring programs of our own.
BENCHES = $(addprefix $(BUILD)/bench/, contender compile_time batch scan costs)
$(BENCHES): $(BUILD)/bench/%: $(BUILD)/bench/%.o $(LIBRARY)
	$(call step,link) $(CC) $(LINK_PROGRAM) $< $(LIBRARY) -o $@ $(LIBRARIES)
bench-programs: $(BENCHES)
bench: $(PEERS) $(SHARED) $(BENCHES) $(BUILD)/eigentensor
	$(BUILD)/bench/venv/bin/python bench/peers/side_by_side.py --build=$(BUILD) $(BENCH)
bench-graphs: $(PEERS) $(SHARED) $(BUILD)/eigentensor
	EIGENTENSOR_LIBRARY=$(SHARED) $(BUILD)/bench/venv/bin/python bench/peers/graphs.py $(GRAPHS) \
	    $(WORKLOADS)

include packaging/install.mk

# ---- What must be installed ----

setup: build/setup-test build/setup-lint
build/setup-%: scripts/setup.sh
	@scripts/setup.sh $* && mkdir -p build && touch $@
build/setup-test build/setup-site: build/setup-run
build/setup-lint: build/setup-test

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) $(foreach other,asan clang coverage cross fuzz tsan, \
           -path $(BUILD)/$(other) -prune -o) -name '*.d' -type f -print 2>/dev/null)
