# Thin: every target is a plain cargo command after scripts/setup has installed what is missing.
CARGO := $(or $(shell command -v cargo),$(wildcard $(HOME)/.cargo/bin/cargo),cargo)

.PHONY: demo test check bench bench-engine drills docs setup torch test-torch models

# Builds the program and makes one video for each of two sample channels, offline.
demo: setup
	@scripts/announce
	$(CARGO) build --release --locked
	target/release/ytempire demo

# libtorch, for the feature `torch`.
torch: setup
	@scripts/torch

# The tests of the feature `torch`; with the weights of `make models` they also check those.
test-torch: torch
	LIBTORCH=$(CURDIR)/target/torch/link LD_LIBRARY_PATH=$(CURDIR)/target/torch/link/lib \
	  $(CARGO) test --locked --features torch --test torch

# The weights of the sentence model; they are not part of the repository.
models:
	@scripts/models

# All tests.
test: setup-tests feed-corpus
	$(CARGO) test --locked

# The long drills that `make test` leaves out: bit rot and random kills, two hundred each, twenty deaths at every failpoint, and ten minutes of feeds from a bad server.
drills: setup-tests
	$(CARGO) test --locked --test node -- --ignored --nocapture
	$(CARGO) test --locked --lib ten_minutes_of_a_bad_server -- --ignored --nocapture

# What does not need a run: format and lints.
check: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

# The benches, and the tests that measure: the API under load, and appending to the journal.
bench: setup
	$(CARGO) bench --locked
	$(CARGO) test --locked --release --lib -- --ignored --nocapture --test-threads=1 \
	  a_hundred_clients_for_a_minute figures_of_appending

# What the engine itself costs, as one line of JSON.
bench-engine: setup
	@$(CARGO) build --release --locked
	@scripts/bench-engine

docs: setup
	$(CARGO) doc --locked --no-deps

# Installs what is missing to build and run.
setup:
	@scripts/setup

# The same, and what the tests need besides.
.PHONY: setup-tests
setup-tests:
	@scripts/setup --tests

# Fetches the feeds of another parser's test suite, against which ours is tested.
.PHONY: feed-corpus
feed-corpus:
	@scripts/feed-corpus
