# make · make run · make test · make asan · make lint · make generated · make bench
# A fresh Debian 12 machine needs git and make only: `setup` installs the rest.

CC ?= gcc
BUILD ?= build
OPTIMIZE ?= -O2 -g
SANITIZE ?=

WARNINGS = -Wall -Wextra -Werror -Wno-unknown-warning-option -Wno-format-truncation
CFLAGS_ALL = -std=gnu11 -D_GNU_SOURCE $(OPTIMIZE) $(WARNINGS) -ffp-contract=off $(SANITIZE) \
             -Icompiler -Iruntime -I. -MMD -MP
LIBRARIES = -ltcc -ljansson -lnettle -lpng -lz -ldl -lpthread -lm

SOURCES = $(wildcard compiler/*.c runtime/*.c)
OBJECTS = $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY = $(BUILD)/libeigentensor.a
UNIT_TESTS = $(patsubst tests/test_%.c,$(BUILD)/tests/test_%,$(wildcard tests/test_*.c))

.PHONY: all library test-programs clean
all: library

library: $(LIBRARY)
$(LIBRARY): $(OBJECTS)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(CFLAGS_FILE) -c $< -o $@

# Vector code is compiled once for each kind of CPU and chosen when the program starts. The last two
# options change no value. Tiles do without the instructions that would let gcc keep addresses in
# mask registers, which delays loads.
IS_CLANG := $(findstring clang,$(shell $(CC) --version))
VECTOR_FLAGS = -O3 $(if $(IS_CLANG),,-fno-loop-unroll-and-jam) -fno-math-errno -fno-trapping-math
ifeq ($(shell uname -m),x86_64)
$(BUILD)/runtime/%_avx2.o: CFLAGS_FILE = $(VECTOR_FLAGS) -mavx2 -mfma
$(BUILD)/runtime/rows_avx512.o: CFLAGS_FILE = $(VECTOR_FLAGS) -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma
$(BUILD)/runtime/tiles_avx512.o: CFLAGS_FILE = $(VECTOR_FLAGS) -mavx512f -mfma
endif
$(BUILD)/runtime/%_baseline.o: CFLAGS_FILE = $(VECTOR_FLAGS)

# What test programs share: random graphs, and what is done with them.
TEST_SUPPORT_NAMES = random_elements random_nodes random_steps random_templates random_graph shrink \
                     trial differ
TEST_SUPPORT_OBJECTS = $(TEST_SUPPORT_NAMES:%=$(BUILD)/tests/%.o)
TEST_SUPPORT = $(BUILD)/tests/libsupport.a
$(TEST_SUPPORT): $(TEST_SUPPORT_OBJECTS)
	@rm -f $@
	ar rcs $@ $^

test-programs: $(UNIT_TESTS) $(BUILD)/tests/differential
$(BUILD)/tests/test_%: tests/test_%.c $(TEST_SUPPORT) $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $< -o $@ $(TEST_SUPPORT) $(LIBRARY) $(LIBRARIES) -lcriterion -lmpfr -lgmp

$(BUILD)/tests/differential: tests/differential.c $(TEST_SUPPORT) $(LIBRARY)
	$(CC) $(CFLAGS_ALL) $< -o $@ $(TEST_SUPPORT) $(LIBRARY) $(LIBRARIES)

$(BUILD)/mnist-define: models/mnist/mnist.c models/mnist/mnist_model.c $(LIBRARY)
	$(CC) $(CFLAGS_ALL) $(filter %.c,$^) -o $@ $(LIBRARY) $(LIBRARIES)

clean:
	rm -rf $(BUILD)

-include $(OBJECTS:.o=.d) $(UNIT_TESTS:=.d) $(TEST_SUPPORT_OBJECTS:.o=.d)
