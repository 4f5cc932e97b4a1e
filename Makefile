# Holdfast: `make` lists what there is to do. Everything builds into one directory outside the
# checkout, so that clones share what they have built.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export CARGO_TARGET_DIR ?= $(HOME)/.cache/holdfast/target
BIN := $(CARGO_TARGET_DIR)/release

# The node is built by itself: its features then depend on its own dependencies alone, and its long
# build is not lost when another crate changes. Everything else is built, run and tested with one
# feature set. Where rustup cannot download the wasm target, scripts/setup makes a toolchain that has it.
WASM_TOOLCHAIN := if rustup toolchain list | grep -q '^holdfast-wasm'; then export WASM_BUILD_TOOLCHAIN=holdfast-wasm; fi;
CARGO_NODE := $(WASM_TOOLCHAIN) cargo build --release --locked --package holdfast-node
PALLETS := $(addprefix --package pallet-,$(notdir $(wildcard pallets/*)))
WORKSPACE := --release --locked --workspace --exclude holdfast-node

.PHONY: help
help: ## List the commands
	@echo "Holdfast. Commands:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-24s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install what building needs: system packages and the wasm target
	@scripts/setup

.PHONY: build
build: setup ## Build the node, the provider, the client and their tests
	@echo "==> building the node (the first time takes about half an hour on two cores)"
	$(CARGO_NODE)
	@echo "==> building everything else"
	cargo build $(WORKSPACE) --all-targets

.PHONY: keys
keys: build ## Make the development network's proving keys (once, about two to four minutes)
	$(BIN)/holdfast-provider keys

.PHONY: demo
demo: keys ## Store a file, prove it on chain, pay for it and fetch it back (FILE=... CORRUPT=porep|post|data|upload)
	$(BIN)/holdfast demo $(if $(FILE),--file "$(FILE)") $(if $(CORRUPT),--corrupt $(CORRUPT))

.PHONY: devnet
devnet: keys ## Start a chain, a provider and a funded client, and keep them running
	$(BIN)/holdfast devnet

.PHONY: check
check: setup ## The fast checks: formatting, the structure's rules, lints
	cargo fmt --all -- --check
	scripts/tidy
	cargo clippy $(WORKSPACE) -- --deny warnings

.PHONY: test
test: check keys ## Everything that must hold: checks, unit and property tests, the whole flow on a real node
	@echo "==> unit, property and integration tests"
	cargo test $(WORKSPACE) --lib --bins --tests
	@echo "==> the benchmarks' own tests"
	cargo test --release --locked $(PALLETS) --features runtime-benchmarks --lib -- bench
	@echo "==> blocks with proofs, before the relay chain's executor"
	$(WASM_TOOLCHAIN) cargo test --release --locked --package holdfast-node --bin holdfast-node --test pvf
	@echo "==> the whole flow, against a real node"
	cargo test $(WORKSPACE) --test crash --test end_to_end --test sealing_workers -- --nocapture --test-threads=1

.PHONY: reference
reference: build ## Write the book's reference from the programs, the OpenAPI document and the metadata (needs npm)
	scripts/reference

.PHONY: book
book: ## Build the book of docs/ and check its links
	scripts/book

NETWORK ?= zombienet/local.toml
.PHONY: network
network: setup ## Start a relay chain and our collator behind it (with npm by zombienet; NETWORK=zombienet/local.toml)
	$(CARGO_NODE)
	scripts/network spawn $(NETWORK)

.PHONY: test-network
test-network: test-tools ## Test a relay chain with our collators behind it, their tutorial, and all of test-tools (needs npm)
	$(CARGO_NODE)
	scripts/network test zombienet/local.zndsl zombienet/two-collators.zndsl zombienet/upgrade.zndsl
	scripts/test-tutorials docs/tutorials/run-a-collator.md

.PHONY: test-story
test-story: keys ## Take a deal through a relay chain's network while parts of it fail (20 minutes, needs npm)
	scripts/network test zombienet/full.zndsl

.PHONY: test-network-hostcalls
test-network-hostcalls: keys ## Test the runtime with host functions behind validators that have and lack them (needs npm)
	$(CARGO_NODE) --features hostcalls-runtime
	HOLDFAST_CHAIN=local-hostcalls HOLDFAST_EXECUTOR_PARAMS='[{"EnabledHostFunction": "EccRfc163"}]' \
		scripts/network test zombienet/hostcalls.zndsl
	HOLDFAST_CHAIN=local-hostcalls scripts/network test zombienet/no-hostcalls.zndsl

.PHONY: test-tools
test-tools: keys ## Test the chain with the tools people use: polkadot-js, PAPI, Chopsticks; and the reference (needs npm)
	scripts/release-runtime $(BIN)/release-runtime.wasm
	HOLDFAST_RELEASE_RUNTIME=$(BIN)/release-runtime.wasm scripts/test-tools $(BIN)
	scripts/reference --check

.PHONY: release-runtime
release-runtime: setup ## Build the runtime's code for a release, which hardware wallets can sign for (FILE=holdfast-runtime.wasm)
	scripts/release-runtime $(or $(FILE),holdfast-runtime.wasm)

.PHONY: test-tutorials
test-tutorials: keys ## Run the commands of README and tutorials as they are written
	scripts/test-tutorials README.md
	scripts/test-tutorials

RUNS ?= 200
.PHONY: crash-matrix
crash-matrix: setup ## Kill the provider's daemon and worker at random, again and again: nothing is lost or done twice (RUNS=200)
	HOLDFAST_CRASH_RUNS=$(RUNS) cargo test $(WORKSPACE) --test crash_matrix --test crashes -- --nocapture

.PHONY: test-scale
test-scale: setup ## Take 1,000 fake sectors through the provider while workers join, leave and die
	cargo test $(WORKSPACE) --test scale -- --ignored --nocapture no_sector_of_a_thousand

.PHONY: bench-tasks
bench-tasks: setup ## Measure what the provider's task engine itself costs for each task
	cargo test $(WORKSPACE) --test scale -- --ignored --nocapture the_engines_own_time

.PHONY: metadata
metadata: setup ## Write the runtime's metadata for the chain client
	cargo run --release --locked --package holdfast-runtime --example export-metadata

.PHONY: weights
weights: setup ## Measure what our pallets' calls and hooks cost, and write runtime/src/weights/ (STEPS=10 REPEAT=5)
	$(CARGO_NODE)
	scripts/weights

.PHONY: invariants
invariants: setup ## Make random calls of many accounts against a model (CALLS=1000000, SEED=1 is the first episode's)
	CALLS=$(or $(CALLS),1000000) SEED=$(SEED) cargo test $(WORKSPACE) --test invariants -- --nocapture

.PHONY: costs
costs: setup ## Measure what calls touch beside many sectors and providers, and write docs/protocol/costs.md
	cargo test $(WORKSPACE) --test costs -- --ignored --nocapture write_the_document

.PHONY: bench-data
bench-data: ## Time the data path: CommP, CARs, one pass, memory, and ipfs-car (JSON=FILE for the rows)
	@cargo bench --locked --package holdfast-data --bench data

.PHONY: bench-proofs
bench-proofs: build ## Time keys, sealing and proving beside filecoin-proofs (SIZES="2KiB 8MiB 512MiB", JSON=FILE)
	$(BIN)/holdfast-provider bench proofs --reference $(addprefix --size ,$(SIZES)) $(if $(JSON),--output "$(JSON)")

.PHONY: bench
bench: setup ## Time what the documents make claims about
	cargo bench --locked --package holdfast-data --package holdfast-verifier --features holdfast-verifier/trapdoor

.PHONY: test-hostcalls
test-hostcalls: setup ## Test the runtime that verifies with host functions, and start a node with it
	@echo "==> building a second runtime (about five minutes the first time)"
	$(WASM_TOOLCHAIN) cargo test --release --locked --package holdfast-node --features hostcalls-runtime --test pvf hostcalls
	scripts/start-hostcalls-chain $(BIN)/holdfast-node

.PHONY: bench-pvf
bench-pvf: setup ## Time blocks full of proofs in the relay chain's executor (JSON=FILE writes the figures)
	$(WASM_TOOLCHAIN) $(if $(JSON),JSON="$(abspath $(JSON))") \
		cargo test --release --locked --package holdfast-node --features hostcalls-runtime \
		--test pvf -- --ignored --nocapture figures

# Without a sanitizer: the verifier has no unsafe code, and verifies several times as fast.
FUZZ := cargo +nightly fuzz
TIME ?= 60
.PHONY: conformance-data
conformance-data: ## Compare `holdfast car` with the JavaScript tools from npm (HOLDFAST_LARGE=1 takes files of a GiB, too)
	cargo build --release --locked --package holdfast-client --bin holdfast
	scripts/conformance-data $(BIN)/holdfast
	$(if $(HOLDFAST_LARGE),HOLDFAST_LARGE=1 cargo test --release --locked --package holdfast-data --test profiles)

.PHONY: fuzz-data
fuzz-data: ## Fuzz all that the data path reads (TIME=60 seconds each; needs a nightly toolchain and cargo-fuzz)
	@cargo +nightly fuzz --version >/dev/null || { echo "first: rustup toolchain install nightly && cargo install --locked cargo-fuzz"; exit 1; }
	mkdir -p crates/data/fuzz/corpus/car crates/data/fuzz/corpus/index
	cp crates/data/tests/fixtures/*.car crates/data/tests/fixtures/broken/* crates/data/fuzz/corpus/car/
	cp crates/data/tests/fixtures/*.carindex crates/data/fuzz/corpus/index/
	cd crates/data/fuzz; export CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/fuzz; cargo +nightly fuzz build; \
	for target in $$(cargo +nightly fuzz list); do \
		echo "==> $$target"; cargo +nightly fuzz run $$target -- -max_total_time=$(TIME) -print_final_stats=1; \
	done

.PHONY: fuzz-verifier
fuzz-verifier: ## Fuzz all that the verifier reads (TIME=60 seconds each; needs a nightly toolchain and cargo-fuzz)
	@$(FUZZ) --version >/dev/null || { echo "first: rustup toolchain install nightly && cargo install --locked cargo-fuzz"; exit 1; }
	cargo run --release --locked --package holdfast-verifier --example fuzz-corpus -- crates/verifier/fuzz/corpus
	@cd crates/verifier/fuzz; export CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/fuzz; $(FUZZ) build --sanitizer none; \
	for target in $$($(FUZZ) list); do \
		echo "==> $$target"; \
		$(FUZZ) run --sanitizer none $$target -- -max_total_time=$(TIME) -print_final_stats=1 -verbosity=0; \
	done

.PHONY: fuzz-runtime
fuzz-runtime: ## Fuzz sequences of transactions (TIME=60 seconds; needs a nightly toolchain and cargo-fuzz)
	@$(FUZZ) --version >/dev/null || { echo "first: rustup toolchain install nightly && cargo install --locked cargo-fuzz"; exit 1; }
	cargo test $(WORKSPACE) --test extrinsics -- --ignored write_the_corpus
	cd runtime/fuzz; export CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/fuzz SKIP_WASM_BUILD=1; \
	$(FUZZ) run --sanitizer none extrinsics -- -max_total_time=$(TIME) -print_final_stats=1

# The other implementations and the executor are built apart, with a lock file of their own.
.PHONY: bench-verifier
bench-verifier: setup ## Time the verifier beside others, natively and in wasm (JSON=FILE, ROUNDS=9, ONLY=part of a name)
	@if rustup toolchain list | grep -q '^holdfast-wasm'; then export RUSTUP_TOOLCHAIN=holdfast-wasm; fi; \
	cd crates/verifier/bench; export CARGO_TARGET_DIR="$(CARGO_TARGET_DIR)/bench-verifier"; \
	cargo build --release --locked --package guest --target wasm32v1-none; \
	cargo build --release --locked --package runner; \
	$(if $(JSON),JSON="$(abspath $(JSON))") "$$CARGO_TARGET_DIR/release/runner" "$$CARGO_TARGET_DIR/wasm32v1-none/release/guest.wasm" ../../../../shared/vectors/seal32_x10.prf
