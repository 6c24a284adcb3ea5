# `make run` and `make test` are all a newcomer needs; each sets itself up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.ready-to-run
STAMP := $(VENV)/.ready
RELEASE_STAMP := $(VENV)/.ready-to-release
CORES := $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)

# Off: ASYNC9 (checkpoints everywhere: too many false alarms, and off by default), ASYNC124 (an
# async function may have no await because its caller wants an async one), ASYNC127 (the owner
# chose httpx; docs/decisions/2026-11-23-own-transport-under-httpx.md).
ASYNC_RULES := --disable ASYNC9,ASYNC124,ASYNC127 \
	--startable-in-context-manager heed_signals,heed_reloads,stay,stay_idle,never_read,keep_reading

.PHONY: setup run quick test failed check proto docs sbom bench bench-race bench-cancel bench-overhead bench-hedge bench-routing bench-sockets bench-replicas bench-reliability bench-isolation bench-overload bench-growth faults kills mutants attack soak pictures clean

setup: $(STAMP)

# What running needs, stores included, and nothing else: 45 MB. The environment gets no pip: that would
# take a third of the time. Where Python's own pip is missing or older than 22.3, it gets one after all.
$(RUN_STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv --without-pip $(VENV)
	pip='$(PYTHON) -m pip --python $(BIN)/python'; \
	$$pip --version >/dev/null 2>&1 || { $(BIN)/python -m ensurepip --default-pip >/dev/null && pip='$(BIN)/python -m pip'; }; \
	$$pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[redis,postgres]'
	touch $@

$(STAMP): $(RUN_STAMP)
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip --default-pip >/dev/null
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		--only-binary xllamacpp -e '.[real]' || \
		echo 'no wheel of llama.cpp for this machine; tests/real will be skipped' >&2
	touch $@

$(RELEASE_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[release]'
	touch $@

run: $(RUN_STAMP)
	$(BIN)/omen serve

quick: $(STAMP)
	$(BIN)/pytest --quick -n auto --dist worksteal

test: $(STAMP)
	$(BIN)/pytest -n auto --dist worksteal

# What failed in the last run, one after the other.
failed: $(STAMP)
	$(BIN)/pytest --last-failed --last-failed-no-failures none

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	git grep -lzwE 'async|await|trio' -- '*.py' | xargs -0 -n 40 -P $(CORES) $(BIN)/flake8-async $(ASYNC_RULES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# flake8-async over some files, for pre-commit: `make check-async FILES="omen/a.py omen/b.py"`.
.PHONY: check-async
check-async: $(STAMP)
	$(BIN)/flake8-async $(ASYNC_RULES) $(FILES)

# After a change of the .proto. What it makes is committed, so that nobody else needs protoc; a test
# compares.
proto: $(STAMP)
	mkdir -p build/proto
	$(BIN)/python -m grpc_tools.protoc -I omen/front/grpc/proto \
		--python_out=build/proto --pyi_out=build/proto omen/v1/omen.proto
	cp build/proto/omen/v1/omen_pb2.py omen/front/grpc/_omen_pb2.py
	cp build/proto/omen/v1/omen_pb2.pyi omen/front/grpc/_omen_pb2.pyi

# The documentation as a site, in build/site. It fails at a link that leads nowhere.
docs: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Build wheel and sdist into dist/ and check both as a user would. With VERSION=0.2.0 it first turns the
# fragments in changes/ into that release's section of CHANGELOG.md.
.PHONY: release
release: $(RELEASE_STAMP)
	$(BIN)/python -m tests.house.release $(if $(VERSION),--version $(VERSION))

# What a running OMEN is made of, and the licences: build/sbom.
sbom: $(STAMP)
	$(BIN)/python -m tests.house.bill_of_materials build/sbom

bench: bench-race bench-cancel bench-overhead bench-hedge bench-routing bench-sockets bench-replicas bench-reliability bench-isolation bench-overload bench-growth

bench-race bench-cancel bench-overhead bench-hedge bench-routing bench-sockets bench-replicas bench-reliability bench-isolation bench-overload bench-growth: bench-%: $(STAMP)
	$(BIN)/python -m bench.$*

# The books after SIGKILL at 200 random moments, and after SIGTERM and SIGINT at 200: ten minutes.
kills: $(STAMP)
	$(BIN)/python -m bench.kills

# Single changes of the code, each of which some test must notice: fifteen minutes on two cores.
mutants: $(STAMP)
	$(BIN)/python -u -m tests.mutants.run

# Every attack that has once hurt the gateway, on loopback: a table, and docs/attacks.md. About five minutes.
attack: $(STAMP)
	$(BIN)/python -m bench.attack

# Mixed traffic, faults, leavers, reloads and restarts, for 20 minutes; `make soak MINUTES=5`.
MINUTES ?= 20
soak: $(STAMP)
	$(BIN)/python -m bench.soak --minutes $(MINUTES)

# Minutes. It writes the table in docs/faults.md, and fails if a cell is wrong.
faults: $(STAMP)
	$(BIN)/python -m bench.faults --page docs/faults.md

# The pictures of the docs, from runs in virtual time.
pictures: $(STAMP)
	$(BIN)/python -m bench.pictures

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
