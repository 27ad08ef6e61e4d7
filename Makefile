# Everything runs in .venv; nothing else of the machine is touched, except that as root on Debian or Ubuntu `setup`
# installs a missing compiler or python3-venv, and `test` a missing Chromium, ffmpeg, or library of Blender's.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && exit; done; echo python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
CODE := vstab_core ffmpeg_bridge ofx_bridge blender_addon resolve_scripts tests benchmarks samples

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.PHONY: help setup demo test test-blender test-blender-window browser blender lint bench package frei0r ofx ofx-sanitize

help:
	@echo "make setup     create .venv and build vstab into it; .venv/bin/vstab is the command"
	@echo "make demo      stabilize samples/handheld.mp4, with a picture and a report of it, in demo/"
	@echo "make test      lint, then the tests"
	@echo "make lint      ruff and mypy"
	@echo "make bench     the figures of the README: benchmarks/*.json"
	@echo "make package   in dist/: a wheel, the OpenFX bundle, and the zip that Blender installs"
	@echo "make ofx       the OpenFX plug-in for Resolve, Nuke and Natron alone: build/ofx/vstab.ofx.bundle"
	@echo "make ofx-sanitize   the tests of the OpenFX plug-in built with the address and thread sanitizers"
	@echo "make test-blender   the Blender extension in every version that the Pythons at hand can run"
	@echo "make frei0r    the plug-in for ffmpeg, Kdenlive and Shotcut alone: build/frei0r/vstab.so"

setup: $(STAMP)

# Python files are used where they lie; only what is compiled or pinned asks for another installation.
$(STAMP): pyproject.toml constraints.txt CMakeLists.txt $(shell find vstab_core/native ffmpeg_bridge/frei0r ofx_bridge -type f -not -name '*.py*' 2>/dev/null)
	@.ci/prerequisites $(PYTHON)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt pip
	$(BIN)/python -m pip install -q -c constraints.txt --build-constraint constraints.txt -e '.[dev,cluster]'
	@touch $@

demo: setup
	@mkdir -p demo
	$(BIN)/vstab stabilize samples/handheld.mp4 -o demo/handheld_stabilized.mp4 --overwrite
	@$(BIN)/python samples/demo.py samples/handheld.mp4 demo/handheld_stabilized.mp4 demo/before_after.png
	$(BIN)/vstab report samples/handheld.mp4 demo/handheld_stabilized.mp4 -o demo/report.html --overwrite

test: lint browser blender
	$(BIN)/python -m pytest -q

# What the tests of the report's page and of ffmpeg need; without, they are skipped, or fail with VSTAB_REQUIRE_HOSTS=1.
browser: setup
	@.ci/prerequisites $(PYTHON) test
	@$(BIN)/python -m pip install -q -c constraints.txt --group browser || echo "vstab: no playwright, see above"

# One Blender for `make test`: 350 MB, half a minute. The others only where they are asked for.
blender: setup
	@.ci/blender one

test-blender: setup
	@.ci/blender 4.2 4.5 5.0 5.2
	VSTAB_BLENDERS="$$(ls build/blender)" $(BIN)/python -m pytest -q tests/hosts/test_blender.py

# As root on Debian: a Blender with a window, in a system of its own (1 GB in build/trixie).
test-blender-window: setup
	@.ci/blender-window

lint: setup
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy

bench: setup
	$(BIN)/python -m benchmarks

package: ofx
	$(BIN)/python -m pip wheel -q --no-deps --build-constraint constraints.txt -w dist .
	@tar -C build/ofx -czf dist/vstab.ofx.bundle.tar.gz vstab.ofx.bundle
	@ls dist/*.whl dist/vstab.ofx.bundle.tar.gz
	@$(BIN)/python blender_addon/package.py dist

# The same as in the wheel, with a C++ compiler only; CMake and Ninja come through pip.
frei0r: setup
	@$(BIN)/python -m pip install -q -c constraints.txt cmake ninja
	@$(BIN)/cmake -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja -DVSTAB_PYTHON=OFF -DVSTAB_FREI0R=ON \
		-S . -B build/frei0r >/dev/null
	@$(BIN)/cmake --build build/frei0r
	@ls build/frei0r/vstab.so

ofx: setup
	@$(BIN)/python -m pip install -q -c constraints.txt cmake ninja
	@$(BIN)/cmake -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja -DVSTAB_PYTHON=OFF -DVSTAB_OFX=ON \
		-S . -B build/ofx >/dev/null
	@$(BIN)/cmake --build build/ofx
	@ls -d build/ofx/vstab.ofx.bundle

# The plug-in's tests with sanitizers in it; the two builds take long. Python leaves much behind when it ends: a leak
# counts if our code stands in its stack.
ofx-sanitize: setup
	@$(BIN)/python -m pip install -q -c constraints.txt cmake ninja
	@for kind in address thread; do \
		library=$$($${CXX:-c++} -print-file-name=lib$$(echo $$kind | sed 's/address/a/;s/thread/t/')san.so); \
		$(BIN)/cmake -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja -DVSTAB_PYTHON=OFF -DVSTAB_OFX=ON \
			-DVSTAB_SANITIZE=$$kind -S . -B build/ofx-$$kind >/dev/null && \
		$(BIN)/cmake --build build/ofx-$$kind && echo "$$kind:" && rm -f build/ofx-$$kind/leaks.* && \
		LD_PRELOAD="$$library $$($${CXX:-c++} -print-file-name=libstdc++.so.6)" ASAN_OPTIONS=abort_on_error=1 \
			LSAN_OPTIONS=exitcode=0:log_path=$(abspath build/ofx-$$kind)/leaks \
			TSAN_OPTIONS="suppressions=$(abspath tests/hosts/thread_sanitizer.txt)" \
			VSTAB_OFX_BINARY=$$(ls build/ofx-$$kind/vstab.ofx.bundle/Contents/*/vstab.ofx) VSTAB_REQUIRE_HOSTS=1 \
			$(BIN)/python -m pytest -q -p no:cacheprovider tests/hosts/test_ofx.py tests/hosts/test_ofx_frames.py \
			tests/hosts/test_ofx_jobs.py && \
		! grep -s -B8 -A8 'ofx_bridge/\|vstab_core/native/' build/ofx-$$kind/leaks.* || exit 1; done
