# `make run` and `make test` are all a newcomer needs; each sets itself up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
CORES := $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)

# Off: ASYNC9 (checkpoints everywhere: too many false alarms, and off by default), ASYNC124 (an
# async function may have no await because its caller wants an async one), ASYNC127 (the owner
# chose httpx; docs/decisions/2026-11-23-own-transport-under-httpx.md).
ASYNC_RULES := --disable ASYNC9,ASYNC124,ASYNC127 \
	--startable-in-context-manager heed_signals,heed_reloads,stay,stay_idle,never_read,keep_reading

.PHONY: setup run quick test check proto bench bench-race bench-cancel bench-overhead bench-hedge bench-routing bench-sockets bench-replicas bench-reliability clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		--only-binary xllamacpp -e '.[real]' || \
		echo 'no wheel of llama.cpp for this machine; tests/real will be skipped' >&2
	touch $(STAMP)

run: $(STAMP)
	$(BIN)/omen serve

quick: $(STAMP)
	$(BIN)/pytest --quick -n auto --dist worksteal

test: $(STAMP)
	$(BIN)/pytest -n auto --dist worksteal

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	git grep -lzwE 'async|await|trio' -- '*.py' | xargs -0 -n 40 -P $(CORES) $(BIN)/flake8-async $(ASYNC_RULES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# After a change of the .proto. What it makes is committed, so that nobody else needs protoc; a test
# compares.
proto: $(STAMP)
	mkdir -p build/proto
	$(BIN)/python -m grpc_tools.protoc -I omen/front/grpc/proto \
		--python_out=build/proto --pyi_out=build/proto omen/v1/omen.proto
	cp build/proto/omen/v1/omen_pb2.py omen/front/grpc/_omen_pb2.py
	cp build/proto/omen/v1/omen_pb2.pyi omen/front/grpc/_omen_pb2.pyi

bench: bench-race bench-cancel bench-overhead bench-hedge bench-routing bench-sockets bench-replicas bench-reliability

bench-race bench-cancel bench-overhead bench-hedge bench-routing bench-sockets bench-replicas bench-reliability: bench-%: $(STAMP)
	$(BIN)/python -m bench.$*

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
