# Needs Go 1.26 or newer, make and git. `make` prints the targets.

# go.mod prefers a newer toolchain than some machines have or can fetch. Any Go from 1.26 on builds the product.
ifneq ($(shell go version >/dev/null 2>&1 && echo yes),yes)
export GOTOOLCHAIN := local
endif

# Where git refuses to read the clone (another owner, as in containers), go can't stamp the commit into the binary.
ifneq ($(shell git rev-parse HEAD >/dev/null 2>&1 && echo yes),yes)
export GOFLAGS := $(shell GOTOOLCHAIN=local go env GOFLAGS) -buildvcs=false
endif

# Time for each fuzz target, what `make bench` measures, and options of `make measure`, `make mutants` and `make proof`.
T = 10s
BENCH = activate --duration 20s --clients 64
MEASURE =
MUTANTS =
PROOF =

.PHONY: help
help: ## print the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## build, then run everything with simulated wallets, payers and a shop, and print the URLs to open
	bin/galla demo

.PHONY: build
build: ## build bin/galla
	go build -o bin/galla ./cmd/galla

.PHONY: test
test: ## install what the tests need, run them all, end with a count (one package: scripts/test ./money)
	@scripts/test

.PHONY: bench
bench: build ## measure the way of a deposit (BENCH="activate --batch")
	bin/galla bench $(BENCH)

.PHONY: measure
measure: build ## weigh and time the payment window in Chromium, hold it to its budgets (MEASURE="--runs 9")
	go build -o bin/measure ./test/browser/measure
	GALLA_TEST_BINARY="$(CURDIR)/bin/galla" bin/measure $(MEASURE)

.PHONY: generate
generate: ## write the Go code of the SQL queries anew (CGO_ENABLED=0: sqlc then needs no C compiler)
	cd internal/store && CGO_ENABLED=0 go tool -modfile=../../tools/go.mod sqlc generate

.PHONY: lint
lint: ## gofmt and go vet
	@scripts/lint

.PHONY: fuzz
fuzz: ## run every fuzz target for T each and count the executions (T=1m)
	@scripts/fuzz $(T)

.PHONY: mutants
mutants: ## make every bug of test/mutants and see that a test catches it (MUTANTS="--only fee")
	@go build -o bin/mutants ./scripts/mutants
	@bin/mutants $(MUTANTS)

.PHONY: proof
proof: ## run every campaign that tries to make it lose money, by hand (hours), and write docs/proof.md
	@scripts/install-test-tools
	go run ./scripts/proof $(PROOF)

.PHONY: gate
gate: ## the same in small, as CI does before it takes a change
	@scripts/install-test-tools
	go run ./scripts/proof -size gate $(PROOF)
