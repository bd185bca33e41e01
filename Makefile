# hermes: the targets for people and for CI; `make help` lists them. Missing tools are installed,
# or named.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
LIBDIR ?= lib
DESTDIR ?=
MACHINE := $(shell uname -m)
ARCH ?= $(MACHINE)
override ARCH := $(patsubst arm64,aarch64,$(patsubst amd64,x86_64,$(ARCH)))
# What builds kernels exports ARCH too, with words of its own.
ifeq ($(and $(filter wheel deb,$(MAKECMDGOALS)),$(filter-out x86_64 aarch64,$(ARCH))),$(ARCH))
$(error ARCH is "$(ARCH)", which hermes is not built for: it is x86_64 (amd64) or aarch64 (arm64), or unset for this machine)
endif
FUZZTIME ?= 1m
SECONDS_OF_DEMO ?= 12
AT ?=
PYTEST_FLAGS ?=

# The compiler for everything, Go's C parts included, unless the environment names one.
ifeq ($(origin CC),default)
CC := $(firstword $(notdir $(shell command -v gcc clang cc)) gcc)
endif
ifeq ($(origin CXX),default)
CXX := $(firstword $(notdir $(shell command -v g++ clang++ c++)) g++)
endif
export CC CXX

# A checkout that belongs to another user can be built.
export GOFLAGS := $(strip $(GOFLAGS) -buildvcs=false)

LIBRARY := build/libhermes.so.2
INSTALLED := $(LIBRARY) build/libhermes.a build/hermes build/man build/completions
PYTHON_OF_TESTS := build/venv/bin/python
PYTHON_OF_OLD := build/venv-old/bin/python

# For the tests in Python: the package of the checkout, and the one that it replaces.
PYTEST = HERMES_OLD_PYTHON=$(CURDIR)/$(PYTHON_OF_OLD) PYTHONPATH=$(CURDIR)/python \
	$(PYTHON_OF_TESTS) -m pytest -p no:cacheprovider --durations=20 $(PYTEST_FLAGS)

GO_SOURCES := $(shell find core internal capi cmd include -name '*.go' -o -name '*.[chs]' -o -name '*.sh' -o -path '*/httpd/page/*') \
	go.mod go.sum
PYTHON_SOURCES := $(shell find python -type f ! -name '*.py[cod]') LICENSE

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- Building ----------------------------------------------------------------

.PHONY: build
build: $(LIBRARY) build/hermes ## libhermes.so and the hermes command, into build/

$(LIBRARY): $(GO_SOURCES)
	@.ci/deps build
	capi/build.sh shared $@
	@ln -sf $(@F) build/libhermes.so

build/hermes: $(GO_SOURCES)
	@.ci/deps build
	go build -o $@ ./cmd/hermes

build/libhermes.a: $(GO_SOURCES)
	@.ci/deps build
	capi/build.sh archive $@

# What shells complete the command with is printed by it.
build/completions: build/hermes
	@rm -rf $@
	@mkdir -p $@
	@for shell in bash zsh fish; do build/hermes completion $$shell >$@/$$shell || exit; done

# The manual is generated from the header and from what the command says of itself.
build/man: include/hermes.h build/hermes .ci/header.py .ci/man_pages.py
	@rm -rf $@
	python=$$(.ci/python) && $$python .ci/man_pages.py $@ build/hermes

# A program in C that loads the library at run time.
build/examples/%: examples/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) -std=c99 -O2 -Wall -Wextra -pedantic -Werror -Iinclude $< -o $@ \
		-Lbuild -lhermes -lm -Wl,-rpath,$(CURDIR)/build

.PHONY: install
install: $(INSTALLED) ## headers, libraries, pkg-config, CMake package, manual, command (PREFIX=, LIBDIR=, DESTDIR=)
	PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' DESTDIR='$(DESTDIR)' capi/package/install.sh build

.PHONY: deb
deb: $(INSTALLED) ## Debian packages: libhermes2, libhermes-dev, hermes-tools, into dist/ (ARCH=arm64)
	@.ci/deps deb
ifeq ($(ARCH),$(MACHINE))
	rm -f dist/*_"$$(dpkg --print-architecture)".deb
	capi/package/deb.sh build dist
else
	.ci/deb-elsewhere $(ARCH)
endif
	@if command -v lintian >/dev/null; then lintian --fail-on error dist/*.deb; fi

.PHONY: wheel
wheel: dist/.wheel-$(ARCH) ## a Python wheel with everything inside (ARCH=aarch64 or x86_64), and its sources, into dist/

.PHONY: sdist
sdist: dist/.sdist ## the Python package with its sources alone, into dist/

# The names of the packages contain version and platform, so an empty file stands for each.
dist/.wheel-%: dist/.sdist $(wildcard .ci/libzmq/*) .ci/wheel .ci/linux-binaries .ci/zig.txt capi/package/licences.sh
	.ci/wheel $*
	@touch $@

dist/.sdist: $(GO_SOURCES) $(PYTHON_SOURCES) .ci/sdist | venv
	.ci/sdist
	@touch $@

.PHONY: package-node
package-node: wheel ## the packages for npm, with the library of each platform that has a wheel, into dist/
	@.ci/deps bindings
	bindings/node/package

.PHONY: package-java
package-java: wheel ## the package for the JVM with everything inside, into the local Maven repository and dist/
	@.ci/deps bindings
	bindings/java/package

.PHONY: dist
dist: ## every artefact that this machine can make, of what is committed, into dist/ (PARTS="sdist npm": these)
	.ci/dist $(PARTS)

.PHONY: venv
venv:
	@.ci/venv build/venv python/requirements-test.txt python/requirements-dev.txt

# For tests of the installed wheel, without the checkout.
.PHONY: venv-wheel
venv-wheel:
	@.ci/venv build/venv-wheel python/requirements-test.txt

.PHONY: venv-old
venv-old:
	@.ci/venv build/venv-old python/requirements-old.txt

# ---- Seeing it work ----------------------------------------------------------

.PHONY: demo
demo: $(LIBRARY) build/examples/demo/table ## runs a small cluster that publishes readings of this machine, in about 15 seconds
	@PYTHONPATH=python $$(.ci/python) examples/demo/demo.py --seconds $(SECONDS_OF_DEMO) $(if $(AT),--at $(AT))

.PHONY: demo-cluster
demo-cluster: $(LIBRARY) build/hermes ## runs two post offices that have joined, and kills one meanwhile, in about 20 seconds
	@PYTHONPATH=python $$(.ci/python) examples/demo/cluster.py

.PHONY: bench
bench: build ## measures hermes against its competitors, in about twelve minutes (LONG=1: longer)
	@.ci/deps bench
	bench/run --write $(if $(LONG),--long)

.PHONY: bench-scale
bench-scale: build build/nats-server venv ## measures what messages, receivers and sites cost, for bench/scale, in about three minutes
	PYTHONPATH=bench:python $(PYTHON_OF_TESTS) -m scale --calibrate

.PHONY: bench-cpp
bench-cpp: build ## measures hermes.hpp against the C calls that it makes
	@.ci/deps bench
	bench/cpp/pair

.PHONY: bench-fast
bench-fast: build ## what each piece of capi/fast buys, with it on and off in turn
	$$(.ci/python) capi/fast/measure

.PHONY: pictures
pictures: deps-test ## the pictures of the page for browsers, in docs/pictures
	HERMES_PICTURES=$(CURDIR)/docs/pictures go test -count 1 -run TestThePageHasAPicture ./cmd/hermes/internal/httpd

.PHONY: docs
docs: build ## the documentation as a site, in build/site
	@.ci/venv build/venv-docs .ci/site/requirements.txt
	build/venv-docs/bin/python .ci/site/build.py

# ---- Testing -----------------------------------------------------------------

# All of it, as it is made side by side: what takes long begins first. ALSO names further targets:
# .ci/run makes its other long ones here, so that no processor is idle while one of them waits.
TESTS := test-go test-libzmq test-wheel test-c test-faults test-docs test-java test-rust test-conformance \
	test-node test-cpp test-install test-golang

.PHONY: test
test: test-ready ## every test but those of interop with other implementations
	$$(.ci/python) .ci/side_by_side.py $(TESTS) $(ALSO)

# What several of them need is made before, and once; so that they only read it.
.PHONY: test-ready
test-ready: deps-test deps-bindings $(INSTALLED) build build/nats-server venv venv-wheel venv-old wheel build/bindings/c/echo
	go vet ./...
	bindings/node/build
	bindings/java/build

.PHONY: deps-test
deps-test:
	@.ci/deps test

.PHONY: test-go
test-go: deps-test ## the Go tests, under the race detector
	go vet ./...
	.ci/test-go -race -timeout 15m ./...

.PHONY: test-windows-go
test-windows-go: ## the Go tests for Windows that Wine can run
	.ci/windows/go-tests

.PHONY: cross-go
cross-go: ## compiles and vets the Go code for macOS, FreeBSD, Windows and arm64, and sees 32 bits refused (SHORT=1: not all)
	SHORT=$(SHORT) .ci/cross

.PHONY: test-invariants
test-invariants: deps-test ## the Go tests with run-time checks of accounting, bounds and lock order
	.ci/test-go -tags invariants -timeout 15m ./...

# What a build without libzmq does in another way; without SHORT all of the Go tests.
NOLIBZMQ := $(if $(SHORT),-run 'ABuildWithoutLibzmq|WithinAProcess|WithinTheProcess|OfThisProcess' ./core,-race ./...)

build/nolibzmq/libhermes.so.2: $(GO_SOURCES)
	@.ci/deps build
	capi/build.sh --tags nolibzmq shared $@

.PHONY: test-nolibzmq
test-nolibzmq: deps-test build/nolibzmq/libhermes.so.2 $(if $(SHORT),,build/hermes venv venv-old) ## a build without libzmq: in Go, C and Python, and that it needs nothing but libc (SHORT=1: a part, in Go)
	.ci/test-go -tags nolibzmq -timeout 15m $(NOLIBZMQ)
	capi/tests/needs_libc.sh build/nolibzmq/libhermes.so.2
	$(if $(SHORT),,capi/tests/run.sh --tags nolibzmq build/nolibzmq)
	$(if $(SHORT),,HERMES_LIBRARY=$(CURDIR)/build/nolibzmq/libhermes.so.2 HERMES_TEST_WITHOUT=libzmq $(PYTEST) python/tests)

.PHONY: test-c
test-c: deps-test build ## the C interface, plain and under AddressSanitizer
	capi/tests/run.sh

# The DLL, and what its users link with; the same for macOS, where it cannot be run.
build/windows/hermes.dll: $(GO_SOURCES) capi/cross.sh
	@.ci/deps build
	capi/build.sh --target x86_64-windows shared $@

build/macos-%/libhermes.2.dylib: $(GO_SOURCES) capi/cross.sh
	@.ci/deps build
	capi/build.sh --target $*-macos shared $@

.PHONY: deps-windows
deps-windows:
	@.ci/deps windows

.PHONY: test-windows
test-windows: deps-windows build/windows/hermes.dll build venv-old ## what is built for Windows, under Wine, alone and with processes of Linux
	capi/tests/run_windows.sh

.PHONY: test-windows-short
test-windows-short: deps-windows build/windows/hermes.dll build venv-old
	capi/tests/run_windows.sh short

# With musl, for which the library has no libzmq.
build/musl/libhermes.a build/musl/libhermes.so.2: $(GO_SOURCES) .ci/zig.txt
	@.ci/deps build
	CC=$$(.ci/zig cc $(MACHINE)-linux-musl) capi/build.sh --tags nolibzmq $(if $(filter %.a,$@),archive,shared) $@

.PHONY: test-musl
test-musl: build/musl/libhermes.a ## the C interface in programs of musl (SHORT=1: a part, in static programs)
	$(if $(SHORT),,@.ci/deps musl)
	$(if $(SHORT),,$(MAKE) build/musl/libhermes.so.2)
	capi/tests/run_musl.sh $(if $(SHORT),short)

# As much as can be seen of them here.
.PHONY: test-macos
test-macos: build/macos-aarch64/libhermes.2.dylib build/macos-x86_64/libhermes.2.dylib ## what is built for macOS: names, exports, what it needs
	@.ci/venv build/venv-binaries .ci/binaries.txt
	build/venv-binaries/bin/python .ci/binaries.py $^

.PHONY: test-macos-short
test-macos-short: build/macos-aarch64/libhermes.2.dylib
	@.ci/venv build/venv-binaries .ci/binaries.txt
	build/venv-binaries/bin/python .ci/binaries.py $^

.PHONY: test-interop
test-interop: venv ## our ZMTP against other implementations, in their own languages
	@.ci/deps interop
	internal/zmtp/interop/run

.PHONY: test-python
test-python: test-wheel test-libzmq ## the Python package, with the old one in the same cluster, on both engines

.PHONY: test-wheel
test-wheel: wheel venv-wheel venv-old ## the wheel, away from the checkout
	.ci/test-wheel $(CURDIR)/$(PYTHON_OF_OLD) --durations=20 $(PYTEST_FLAGS)

.PHONY: test-arm64
test-arm64: venv ## the suites in C, Go and Python for Linux on arm64, under qemu (SHORT=1: a part)
	$(if $(SHORT),,$(MAKE) wheel ARCH=aarch64)
	$(if $(SHORT),,$(MAKE) venv-old)
	SHORT=$(SHORT) PYTEST_FLAGS='$(PYTEST_FLAGS)' .ci/arm64/test

.PHONY: test-libzmq
test-libzmq: build venv venv-old ## the package of the checkout on libzmq (test-wheel has the rest: what no engine matters to, and the differential tests on both)
	HERMES_ENGINE=libzmq $(PYTEST) python/tests --ignore python/tests/differential -m "not one_engine"

.PHONY: test-docs
test-docs: deps-test deps-bindings build build/nats-server venv ## the examples, every command and snippet of the documents, and the live screens
	$(PYTEST) examples/tests docs/tests bench/scale/tests cmd/hermes/tests

.PHONY: test-install
test-install: deps-test build venv ## make install and make wheel, used by programs outside the checkout
	$(PYTEST) .ci/tests

# NAMES=3.9,3.13t: these alone; QUICK=1: a part of the tests; GET=: only interpreters that are here.
GET ?= 1
.PHONY: test-pythons
test-pythons: wheel venv venv-old ## the Python package under each interpreter from 3.9 to 3.14, free-threaded and PyPy (NAMES=, QUICK=1, GET=)
	$(PYTHON_OF_TESTS) .ci/pythons.py $(if $(GET),--get) $(if $(QUICK),--quick) $(if $(NAMES),--only $(NAMES)) $(PYTEST_FLAGS)

.PHONY: test-pythons-short
test-pythons-short: wheel venv venv-old ## a part of test-pythons, under the oldest and the newest CPython that are here
	$(PYTHON_OF_TESTS) .ci/pythons.py --ends --quick $(PYTEST_FLAGS)

.PHONY: test-old-glibc
test-old-glibc: wheel venv venv-old ## the wheel under the oldest glibc that can be had, with C programs and in Python (SHORT=1: a part)
	SHORT=$(SHORT) .ci/test-old-glibc $(PYTEST_FLAGS)

.PHONY: test-dist
test-dist: ## make dist twice, in two folders, and compares the bytes (PARTS=)
	.ci/test-dist $(PARTS)

.PHONY: verify-platform
verify-platform: ## all suites on this machine, whatever its system, and a report for an issue
	python=$$(.ci/python) && $$python .ci/verify_platform.py $(VERIFY)

# ---- Testing the bindings ----------------------------------------------------

.PHONY: test-bindings
test-bindings: test-conformance test-cpp test-rust test-golang test-node test-java ## the bindings of all other languages

.PHONY: deps-bindings
deps-bindings:
	@.ci/deps bindings

.PHONY: test-conformance
test-conformance: deps-bindings build venv ## all bindings in the same scenarios, and together in one cluster
	$(PYTHON_OF_TESTS) bindings/conformance/run

# One binding with Python and C, in both directions: its programs are in build/bindings.
TEST_WITH_OTHERS = $(PYTEST) bindings/tests/test_with_others.py --binding

build/bindings/c/echo: bindings/tests/echo.c $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) -std=c99 -O2 -Wall -Wextra -pedantic -Werror -Iinclude $< -o $@ \
		-Lbuild -lhermes -Wl,-rpath,$(CURDIR)/build

build/bindings/cpp/%: bindings/cpp/examples/%.cpp bindings/cpp/*.hpp $(LIBRARY)
	@mkdir -p $(@D)
	$(CXX) -std=c++17 -O2 -Wall -Wextra -pedantic -Werror -Iinclude -Ibindings/cpp $< -o $@ \
		-Lbuild -lhermes -Wl,-rpath,$(CURDIR)/build

.PHONY: test-golang
test-golang: deps-bindings build venv build/bindings/c/echo ## Go: programs that import core, among others
	go build -o build/bindings/go/ ./bindings/go/tests/echo ./bindings/go/examples/peaks
	$(TEST_WITH_OTHERS) go

.PHONY: test-node
test-node: deps-bindings build venv build/bindings/c/echo ## Node.js: bindings/node
	bindings/node/build
	npm --silent --prefix bindings/node test
	$(TEST_WITH_OTHERS) node

.PHONY: test-java
test-java: deps-bindings build wheel venv build/bindings/c/echo ## Java: bindings/java, and its package
	bindings/java/build
	bindings/java/test
	$(PYTEST) bindings/tests/test_jar.py --binding java
	$(TEST_WITH_OTHERS) java

.PHONY: test-cpp
test-cpp: deps-bindings build venv build/bindings/c/echo ## C++: hermes.hpp
	bindings/cpp/tests/run.sh
	$(TEST_WITH_OTHERS) cpp

.PHONY: test-rust
test-rust: deps-bindings build build/libhermes.a venv build/bindings/c/echo ## Rust: the crates hermes-sys and hermes
	bindings/rust/tests/run.sh
	$(TEST_WITH_OTHERS) rust

build/faults/%: .ci/faults/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -Wall -Wextra -pedantic -Werror -Iinclude $< -o $@ \
		-Lbuild -lhermes -lpthread -Wl,-rpath,$(CURDIR)/build

build/faults/traffic-go: .ci/faults/traffic.go $(GO_SOURCES)
	@mkdir -p $(@D)
	go build -o $@ $<

# A NATS server that runs by itself, as users have one.
build/nats-server: go.mod
	go build -o $@ github.com/nats-io/nats-server/v2

# Another reader of recordings: the crate of MCAP itself.
build/faults/mcap-reader: $(wildcard .ci/faults/mcap-reader/Cargo.* .ci/faults/mcap-reader/src/*.rs)
	cargo build --quiet --release --locked --manifest-path .ci/faults/mcap-reader/Cargo.toml --target-dir build/faults/cargo
	cp build/faults/cargo/release/mcap-reader $@

.PHONY: test-faults
test-faults: deps-test deps-bindings build build/faults/traffic build/faults/traffic-go build/faults/mcap-reader build/nats-server venv venv-old ## kills, stops and starves the processes of a cluster
	$(PYTEST) .ci/faults

# SOAK seconds at full rate, and thirty rounds of everything else instead of three.
SOAK ?= 600
.PHONY: soak
soak: deps-test deps-bindings build build/faults/traffic build/faults/traffic-go build/faults/mcap-reader build/nats-server venv venv-old ## test-faults for SOAK (600) seconds at full rate, with more rounds, and policies with a million random questions
	HERMES_POLICY_CASES=1000000 .ci/test-go -count=1 ./internal/policy
	HERMES_POLICY_CASES=1000000 .ci/test-go -count=1 -run 'TestSocketsPassWhatTheModelAllows|TestReloadsLoseNothing' ./internal/zmtp
	FLOOD_SECONDS=$(SOAK) FORK_CYCLES=10000 FAULT_ROUNDS=30 HERMES_KILLS=100 $(PYTEST) --timeout 0 .ci/faults
	HERMES_AUDIT_RUNS=100 .ci/test-go -timeout 60m -count 1 -run NothingVanishes ./cmd/hermes/internal/audit
	CONTAINER_BUILD=1 $(PYTEST) .ci/tests/test_container.py

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (1m)
	@.ci/deps build
	.ci/fuzz $(FUZZTIME)

.PHONY: lint
lint: venv ## words, sizes, gofmt, vet, staticcheck, clang-format, ruff, mypy, shellcheck
	@.ci/deps build
	.ci/lint

.PHONY: format
format: venv build/hermes ## formats all code, and writes the generated files
	.ci/lint --fix

.PHONY: clean
clean: ## removes build/ and dist/
	rm -rf build dist bindings/node/dist bindings/node/node_modules
