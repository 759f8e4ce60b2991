# SPDX-License-Identifier: Apache-2.0
# Pawl. `make help` lists the targets; module.mk in each folder lists its sources and nothing else.
# Out-of-tree: every set of flags has its own build/<config>-<hash>/; build/bin points at the last one.

CC      ?= gcc
CONFIG  ?= release
ifneq ($(filter asan,$(MAKECMDGOALS)),)
CONFIG := asan
endif
PAWL_SHARED ?= ../shared
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
ifneq ($(V),1)
Q := @
endif

# --- flags -----------------------------------------------------------------------------------------
WARN = -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wundef \
       -Wpointer-arith -Wcast-qual $(WERROR)
SAN_release =
SAN_asan = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_fuzz = -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_coverage = --coverage
SAN = $(SAN_$(CONFIG))
PKGS = libgit2 sqlite3 hwloc jansson libpcre2-8 libutf8proc libelf libcrypto libseccomp lapacke nlopt blas
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpapi -lmicrohttpd -lncursesw -ltinfo
CFLAGS_BASE      = -std=c11 -D_GNU_SOURCE -O2 -g -I. -pthread $(WARN) $(PKG_CFLAGS) $(SAN)
CFLAGS_REFERENCE = $(CFLAGS_BASE) -ffp-contract=off
CFLAGS_JUDGE     = $(CFLAGS_BASE) -ffp-contract=off
CFLAGS_KERNEL    = $(shell cat judge/kernel.flags) -I. $(WERROR) $(SAN_KERNEL)
SAN_KERNEL = $(if $(filter asan,$(CONFIG)),$(SAN)) # fuzzing and coverage are about the engine
LIBS = -Wl,--as-needed $(PKG_LIBS) -lm -ldl -pthread

FLAG_HASH := $(shell echo '$(CC) $(CFLAGS_BASE) $(CFLAGS_KERNEL)' | cksum | cut -d' ' -f1)
B := build/$(CONFIG)-$(FLAG_HASH)

# --- sources ---------------------------------------------------------------------------------------
MODULES = reference ledger judge ratchet engine
include $(MODULES:%=%/module.mk)

objs = $(patsubst %,$(B)/%.o,$(basename $(1)))
PROGRAMS = judge judge-worker ratchet engine
BINS = $(PROGRAMS:%=$(B)/bin/%) $(B)/bin/judge-worker-sanitized $(B)/bin/kernel.so

TEST_FOLDERS = $(notdir $(patsubst %/,%,$(dir $(wildcard tests/*/test_*.c))))
TEST_SUITES = $(sort $(TEST_FOLDERS))
TEST_BINS = $(TEST_SUITES:%=$(B)/bin/test-%)

## all: build every program into build/bin (PROBLEM=DIR: judge and ratchet of that folder's problem)
ifndef PROBLEM
all: check-deps $(BINS)
	$(Q)ln -sfn $(notdir $(B))/bin build/bin
else
all: problem
endif

LIB_reference = $(call objs,$(SRC_reference) $(SRC_inference))
LIB_ledger    = $(call objs,$(SRC_ledger))
LIB_judge     = $(call objs,$(SRC_judge)) $(B)/judge/hash.o
LIB_ratchet   = $(call objs,$(SRC_ratchet))
LIB_engine    = $(call objs,$(SRC_engine))
KERNEL_OBJ    = $(B)/kernel/kernel.o
LIB_models    = $(call objs,$(addprefix tests/engine/,metadata.c random_blocks.c random_model.c arch_models.c arch_small.c arch_tables.c tiny_vocab.c))

OBJS_judge        = $(call objs,$(MAIN_judge)) $(LIB_judge) $(LIB_ledger) $(LIB_reference)
OBJS_judge-worker = $(call objs,$(MAIN_judge_worker)) $(LIB_reference)
OBJS_ratchet      = $(call objs,$(MAIN_ratchet) $(JUDGE_ratchet)) $(LIB_ratchet) $(LIB_judge) $(LIB_ledger) \
    $(LIB_reference)
OBJS_engine       = $(call objs,$(MAIN_engine)) $(LIB_engine) $(KERNEL_OBJ) $(LIB_reference)

# --- another problem, PROBLEM=DIR: the same objects but for reference/inference and the judge hash ---
ifdef PROBLEM
ifneq ($(words $(PROBLEM)) $(words $(realpath $(PROBLEM))),1 1)
$(error PROBLEM=$(PROBLEM): no such folder, or blanks in its path)
endif
P := $(realpath $(PROBLEM))
P_ID := $(notdir $(P))-$(shell printf %s '$(P)' | sha256sum | cut -c1-12)
PB := $(B)/problems/$(P_ID)
P_OBJS = $(patsubst $(P)/%.c,$(PB)/%.o,$(shell find $(P)/reference -name '*.c' 2>/dev/null | LC_ALL=C sort))
P_PROGRAMS = $(addprefix $(PB)/bin/,judge judge-worker ratchet)
$(foreach p,judge judge-worker ratchet,$(eval $(PB)/bin/$(p): $$(patsubst $(B)/judge/hash.o,$(PB)/judge/hash.o, \
    $$(filter-out $$(call objs,$$(SRC_inference)),$$(OBJS_$(p)))) $$(P_OBJS)))
problem: check-deps $(P_PROGRAMS) $(PB)/bin/judge-worker-sanitized
	$(Q)mkdir -p build/problems
	$(Q)ln -sfn ../$(notdir $(B))/problems/$(P_ID)/bin build/problems/$(P_ID)
	@echo "  OK    build/problems/$(P_ID)"
$(PB)/bin/judge-worker-sanitized: $(B)/bin/judge-worker-sanitized
	$(Q)ln -sf $(CURDIR)/$< $@
$(PB)/reference/%.o: $(P)/reference/%.c | problem-check
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(filter-out -Wmissing-prototypes $(WERROR),$(CFLAGS_REFERENCE)) -MMD -MP -c -o $@ $<
$(PB)/judge/hash.c: | problem-check
problem-check:
	$(Q)sh ratchet/init/problem_check.sh $(P)
endif

$(foreach p,$(PROGRAMS),$(eval $(B)/bin/$(p): $(OBJS_$(p))))
$(PROGRAMS:%=$(B)/bin/%) $(P_PROGRAMS):
	@mkdir -p $(@D)
	@echo "  LD    $(@F)"
	$(Q)$(CC) $(SAN) -o $@ $(filter %.o,$^) $(LIBS)

# The worker that runs a candidate compiled with sanitizers, whatever the flags of everything else.
$(B)/bin/judge-worker-sanitized: $(MAIN_judge_worker)
	@mkdir -p $(@D) $(B)/judge/worker
	@echo "  LD    $(@F)"
	$(Q)$(CC) $(filter-out -fsanitize%,$(CFLAGS_JUDGE)) $(SAN_asan) -DWORKER_SANITIZED -rdynamic \
	    -MMD -MP -MF $(B)/judge/worker/sanitized.d -MT $@ -o $@ $(MAIN_judge_worker) $(LIBS)

$(B)/bin/kernel.so: $(KERNEL_OBJ)
	@mkdir -p $(@D)
	@echo "  LD    $(@F)"
	$(Q)$(CC) $(SAN) -shared -nostartfiles -Wl,--build-id=sha1 -o $@ $<

# --- tests: one program per folder under tests/, every suite in it ----------------------------------
NEEDS_kernel    = $(KERNEL_OBJ) $(LIB_reference)
NEEDS_reference = $(LIB_reference)
NEEDS_ledger    = $(LIB_ledger) $(LIB_reference)
NEEDS_judge     = $(LIB_judge) $(LIB_ledger) $(LIB_reference)
NEEDS_problems  = $(LIB_ratchet) $(LIB_judge) $(LIB_ledger) $(LIB_reference)
NEEDS_ratchet   = $(LIB_ratchet) $(LIB_judge) $(LIB_ledger) $(LIB_reference)
NEEDS_agents    = $(call objs,tests/ratchet/ratchet_fixture.c) $(LIB_ratchet) $(LIB_judge) $(LIB_ledger) $(LIB_reference)
NEEDS_mcp       = $(LIB_ratchet) $(LIB_judge) $(LIB_ledger) $(LIB_reference)
NEEDS_report    = $(call objs,tests/ratchet/ratchet_fixture.c) $(NEEDS_ratchet)
NEEDS_search    = $(LIB_ratchet) $(LIB_judge) $(LIB_ledger) $(LIB_reference)
NEEDS_engine    = $(LIB_engine) $(KERNEL_OBJ) $(LIB_reference)
NEEDS_fuzz      = $(call objs,ratchet/mcp/jsonrpc.c ratchet/mcp/mcp_fields.c) $(LIB_models) $(LIB_engine) $(KERNEL_OBJ) $(LIB_reference)
NEEDS_peers     = $(LIB_models) $(LIB_engine) $(KERNEL_OBJ) $(LIB_reference)
define test_program
$(B)/bin/test-$(1): $$(call objs,$$(filter-out %_peers_main.c,$$(wildcard tests/$(1)/*.c))) $(NEEDS_$(1))
	@mkdir -p $$(@D)
	@echo "  LD    $$(@F)"
	$(Q)$(CC) $(SAN) -o $$@ $$(filter %.o,$$^) $(LIBS) -lcriterion
endef
$(foreach t,$(TEST_SUITES),$(eval $(call test_program,$(t))))

## test: build and run every test suite (T=folder runs one)
test: deps-quiet
	$(Q)$(MAKE) --no-print-directory CONFIG=$(CONFIG) all test-programs
	$(Q)CONFIG=$(CONFIG) PAWL_SHARED=$(PAWL_SHARED) PAWL_BIN=$(B)/bin sh tests/run.sh $(B)/bin \
	    $(or $(T),$(TEST_SUITES))

# Every command of the ratchet with a judge that pretends (tests/pretend), for tests of whole campaigns.
$(B)/bin/ratchet-pretend: $(call objs,$(MAIN_ratchet) $(wildcard tests/pretend/*.c)) $(LIB_ratchet) $(LIB_judge) \
    $(LIB_ledger) $(LIB_reference)
	@mkdir -p $(@D)
	@echo "  LD    $(@F)"
	$(Q)$(CC) $(SAN) -o $@ $(filter %.o,$^) $(LIBS)

test-programs: $(TEST_BINS) $(B)/bin/ratchet-pretend

# --- fuzzing: tests/fuzz/fuzz_NAME.c and its corpus, for libFuzzer here, replayed by `make test` ------
FUZZ_TARGETS = $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
$(B)/bin/fuzz-%: $(B)/tests/fuzz/fuzz_%.o $(NEEDS_fuzz)
	@mkdir -p $(@D)
	@echo "  LD    $(@F)"
	$(Q)$(CC) $(SAN) -fsanitize=fuzzer -o $@ $^ $(LIBS)
fuzz-programs: $(FUZZ_TARGETS:%=$(B)/bin/fuzz-%)

# In a test all targets are in one program: each is called by its file's name there.
ifneq ($(CONFIG),fuzz)
$(FUZZ_TARGETS:%=$(B)/tests/fuzz/fuzz_%.o): private CFLAGS_BASE += -DLLVMFuzzerTestOneInput=$(@F:.o=)
endif

## fuzz: every target under sanitizers for FUZZ_S seconds (60), two at a time (F="name ..." runs some)
fuzz: deps-quiet
	$(Q)sh tests/deps.sh --quiet $(DEBS_FUZZ)
	$(Q)$(MAKE) --no-print-directory CONFIG=fuzz CC=clang fuzz-programs
	$(Q)$(MAKE) --no-print-directory CONFIG=fuzz CC=clang fuzz-run
fuzz-run:
	$(Q)sh tests/fuzz/fuzz.sh $(B) $(or $(FUZZ_S),60) $(or $(F),$(FUZZ_TARGETS))

## coverage: lines of engine/ that its tests reach
coverage: deps-quiet
	$(Q)sh tests/deps.sh --quiet $(DEBS_COVERAGE)
	$(Q)$(MAKE) --no-print-directory CONFIG=coverage coverage-run
coverage-run: all test-programs
	$(Q)find $(B) -name '*.gcda' -delete
	$(Q)PAWL_SHARED=$(PAWL_SHARED) PAWL_BIN=$(B)/bin sh tests/run.sh $(B)/bin $(filter engine fuzz,$(TEST_SUITES))
	$(Q)gcovr --root . --filter '^engine/' --object-directory $(B) --sort-percentage --print-summary

# --- the zoo: cheats with the verdicts that must catch them, and their honest twins -----------------
$(B)/bin/zoo: $(call objs,$(wildcard tests/zoo/*.c)) $(LIB_judge) $(LIB_ledger) $(LIB_reference)
	@mkdir -p $(@D)
	@echo "  LD    $(@F)"
	$(Q)$(CC) $(SAN) -o $@ $(filter %.o,$^) $(LIBS)

## zoo: run every cheat of tests/zoo and its honest twin (Z="name ..." runs some)
zoo: deps-quiet
	$(Q)$(MAKE) --no-print-directory all $(B)/bin/zoo
	$(Q)$(B)/bin/zoo $(Z)

# --- peers: the engine beside llama.cpp as npm ships it ----------------------------------------------
PEERS = $(call objs,$(filter-out tests/peers/test_% %_main.c,$(wildcard tests/peers/*.c)))
$(B)/bin/bench-peers $(B)/bin/compare-peers: $(B)/bin/%-peers: $(B)/tests/peers/%_peers_main.o \
    $(PEERS) $(NEEDS_peers) $(LIB_judge) $(LIB_ledger)
	@mkdir -p $(@D)
	@echo "  LD    $(@F)"
	$(Q)$(CC) $(SAN) -o $@ $(filter %.o,$^) $(LIBS)

## bench-peers: our engine beside npm's llama.cpp, in turns (ROUNDS=3 THREADS=1,2 SECTIONS=best,avx512,avx2 OUT=file)
bench-peers: deps-quiet
	$(Q)$(MAKE) --no-print-directory all $(B)/bin/bench-peers
	$(Q)OUT=$(OUT) sh tests/peers/bench_peers.sh $(B)/bin/bench-peers --rounds $(or $(ROUNDS),3) \
	    $(if $(THREADS),--threads $(THREADS)) $(if $(SECTIONS),--sections $(SECTIONS))

## compare: token ids, logits, perplexity and samplers beside npm's llama.cpp (ROWS=a,b TYPES=F32 SECTIONS=tokens,models,perplexity,samplers,answers OUT=file)
compare: deps-quiet
	$(Q)$(MAKE) --no-print-directory all $(B)/bin/compare-peers
	$(Q)OUT=$(OUT) PAWL_SHARED=$(PAWL_SHARED) sh tests/peers/compare_peers.sh $(B)/bin/compare-peers \
	    $(B)/bin/engine $(if $(ROWS),--rows $(ROWS)) $(if $(TYPES),--types $(TYPES)) \
	    $(if $(SECTIONS),--sections $(SECTIONS))

# --- compiling -------------------------------------------------------------------------------------
cflags_for = $(if $(filter kernel/%,$(1)),$(CFLAGS_KERNEL),$(if $(filter \
    reference/%,$(1)),$(CFLAGS_REFERENCE),$(if $(filter judge/%,$(1)),$(CFLAGS_JUDGE),$(CFLAGS_BASE))))

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(call cflags_for,$<) -MMD -MP -c -o $@ $<

$(B)/%.o: %.S
	@mkdir -p $(@D)
	@echo "  AS    $<"
	$(Q)$(CC) -I. -MMD -MP -c -o $@ $<

# The judge hash: every sealed file as it is now (judge/hash.sh says how), here and in PROBLEM.
HASHES = $(B)/judge/hash $(if $(PROBLEM),$(PB)/judge/hash)
$(HASHES:%=%.c): always
	@mkdir -p $(@D)
	$(Q)sh judge/hash.sh --source $(if $(filter $(B)/judge/%,$@),.,$(P)) $@
$(HASHES:%=%.o): %.o: %.c
	$(Q)$(CC) $(CFLAGS_JUDGE) -c -o $@ $<

# --- set-up ----------------------------------------------------------------------------------------
DEBS = gcc binutils make pkg-config git libgit2-dev libcriterion-dev libpapi-dev libsqlite3-dev libhwloc-dev \
       libjansson-dev libpcre2-dev libutf8proc-dev libseccomp-dev libelf-dev libssl-dev python3-jinja2 \
       liblapacke-dev libnlopt-dev libmicrohttpd-dev libncurses-dev
DEBS_LINT = clang-format clang-tidy cppcheck universal-ctags
DEBS_PROFILE = gnuplot-nox llvm
DEBS_FUZZ = clang
DEBS_COVERAGE = gcovr
DEBS_BROWSER = chromium $(if $(shell command -v npm),,nodejs npm)

## deps: install what is missing with apt-get, sudo when not root (LINT=1, PROFILE=1, BROWSER=1: their tools too;
##       BROWSER: Chromium and node, without which the tests of the report and of MCP are skipped)
deps:
	$(Q)sh tests/deps.sh $(DEBS) $(if $(LINT),$(DEBS_LINT)) $(if $(PROFILE),$(DEBS_PROFILE)) \
	    $(if $(BROWSER),$(DEBS_BROWSER))

deps-quiet:
	$(Q)sh tests/deps.sh --quiet $(DEBS)

check-deps:
	$(Q)sh tests/deps.sh --check $(DEBS)

## demo: the whole loop in a few minutes: peaks, checks, three experiments, a model that writes
demo: deps-quiet
	$(Q)$(MAKE) --no-print-directory all
	$(Q)sh tests/demo/demo.sh $(B)/bin

## controls: experiments with known answers: N=20 of the same work never win, 5 % more work loses (DISTURBED=1: beside a process that burns a core)
controls: all
	$(Q)sh tests/controls/controls.sh $(B)/bin $(or $(N),20)

## charts: fetch the report's plotting library again, when a build had to go without
charts:
	$(Q)rm -rf build/plot
	$(Q)$(MAKE) --no-print-directory all

## problems: the whole loop for the problems of tests/problems: wrong, same, faster, slower; some minutes each (N="rope ...": some)
problems: all
	$(Q)sh tests/problems/loop.sh $(B)/bin $(N)

## asan: with address and undefined-behaviour sanitizers; `make asan test` runs the tests so
asan: all

## lint: formatting, layering, sizes, stray paths
lint:
	$(Q)sh tests/lint.sh

## format: rewrite the sources with clang-format
format:
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

## clean: remove build/
clean:
	$(Q)rm -rf build

## help: this list
help:
	@sed -n 's/^## //p' Makefile

-include $(shell find $(B) -name '*.d' 2>/dev/null)
.PHONY: always problem problem-check problems all test test-programs controls deps deps-quiet check-deps demo asan lint format clean help zoo bench-peers fuzz fuzz-programs fuzz-run coverage coverage-run compare charts
