# Every target is a line: what it does is in scripts/. Each installs what it needs (scripts/bootstrap.sh).
SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help demo test fmt lint test-rust test-c test-python test-kernel bench fuzz install-c wheel clean

# part FILE: a script that another part of the project brings
part = @[ -f $(1) ] || { echo 'error: $(1) is not in this checkout: this part has not been built yet' >&2; exit 1; }; bash $(1)

help: ## list these targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22

demo: ## serve a simulated device and scan it; needs cargo only
	$(call part,scripts/demo.sh)

test: ## everything that CI checks: lint, Rust, C, Python, kernel, fuzz, demo
	@bash scripts/test.sh

fmt: ## format Rust and Python
	@bash scripts/fmt.sh

lint: ## rules of the house, rustfmt, clippy, rustdoc, cargo deny, ruff, mypy, stubtest, shellcheck
	@bash scripts/lint.sh

test-rust: ## the Rust tests only
	@bash scripts/test-rust.sh

test-c: ## the C tests and examples only, against the installed library, under valgrind
	$(call part,scripts/test-c.sh)

test-python: ## the Python tests only, against the installed wheel
	@bash scripts/test-python.sh

test-kernel: ## the tests on a kernel's device: module, QEMU, conformance in three languages
	@bash scripts/test-kernel.sh

bench: ## the benchmark table: raw C, Rust, C, Python side by side
	$(call part,scripts/bench.sh)

fuzz: ## fuzz both transfer machines for a minute each
	$(call part,scripts/fuzz.sh)

install-c: ## install the C library: make install-c PREFIX=/usr/local [DESTDIR=]
	@[ -n "$(PREFIX)" ] || { echo 'error: say where to: make install-c PREFIX=/usr/local' >&2; exit 2; }
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' bash scripts/install-c.sh

wheel: ## build the Python wheel into dist/
	@bash scripts/bootstrap.sh python
	@bash scripts/wheel.sh dist

clean: ## remove what was built here (tools outside the tree stay)
	cargo clean --quiet
	rm -rf dist fuzz/target .mypy_cache .ruff_cache .pytest_cache
