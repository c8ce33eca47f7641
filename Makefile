# SPDX-License-Identifier: GPL-2.0-only
# What a person types. Kbuild says what the modules are made of; tests/vm and tests/lint do the work.

# Where install-tools puts things.
PREFIX ?= /usr/local

KDIR ?= /lib/modules/$(shell uname -r)/build

# The scripts below take these from the environment.
export K P T V FULL QUICK RECORD TIME SEED REPLAY TIMES KEEP DISTILL FORGET VM_TIMEOUT VM_PARALLEL VM_ACCEL MAINTAINER

.DEFAULT_GOAL := modules
.PHONY: modules tools install-tools tests unit lint format
.PHONY: check check-matrix check-debug check-dkms check-deb fuzz coverage
.PHONY: reference deb demo bench vm deps fill-cache clean help

modules: ## build the modules for the running kernel, or KDIR=
	@tests/vm/build-modules KDIR=$(KDIR)

tools: ## build ioasidctl, in build/tools
	@$(MAKE) --no-print-directory -C src/tools $(if $(V),,-s)

install-tools: tools ## install ioasidctl with its manual page and completions; PREFIX= DESTDIR=
	install -D -m 755 build/tools/ioasidctl $(DESTDIR)$(PREFIX)/sbin/ioasidctl
	install -D -m 644 packaging/man/ioasidctl.8 $(DESTDIR)$(PREFIX)/share/man/man8/ioasidctl.8
	install -D -m 644 packaging/man/ioasidctl-json.5 \
		$(DESTDIR)$(PREFIX)/share/man/man5/ioasidctl-json.5
	install -D -m 644 packaging/completions/ioasidctl.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/ioasidctl
	install -D -m 644 packaging/completions/_ioasidctl \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_ioasidctl

check: deps ## unit tests, lint, and all tests in VMs; K= P= T= narrow it
	@tests/vm/check

check-matrix: deps ## the tests on further kernels, and on the newest emulator, in a Debian 13 that it makes
	@MATRIX=1 tests/vm/check

check-debug: deps ## the tests on kernels with sanitizers, which it builds; QUICK=1 FULL=1
	@packaging/install-deps --debug
	@DEBUG=1 tests/vm/check

demo: deps ## boot a VM and show what the module does
	@tests/vm/demo

bench: deps ## measure against VFIO type1, in instructions; RECORD=1 keeps the ratios
	@tests/bench/run

fuzz: deps ## fuzz in a VM for TIME=60 seconds; SEED= REPLAY= KEEP= DISTILL= FORGET= (tests/fuzz/run)
	@tests/fuzz/run

coverage: deps ## which basic blocks the suites and the fuzzer reach, per file
	@tests/fuzz/coverage

vm: deps ## boot a VM with a shell on this terminal; K= P= choose it
	@tests/vm/shell

unit: deps ## only the unit tests, on this machine
	@$(MAKE) --no-print-directory -C tests/unit check

lint: deps ## only the static checks; T=lint/NAME narrows it
	@tests/lint/run $(T:lint/%=%)

format: deps ## rewrite the C files as .clang-format says
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format --style=file -i

check-dkms: deps ## build and install through DKMS, in a temporary tree
	@tests/lint/run dkms

reference: ## rewrite packaging/doc/reference.md from the header
	@mkdir -p build
	@packaging/doc/make-reference include/uapi/linux/ioasidfd.h >build/reference.md
	@mv build/reference.md packaging/doc/reference.md

deb: deps ## build the Debian packages, in build/deb; MAINTAINER="NAME <ADDRESS>"
	@packaging/build-deb

check-deb: deps ## install, upgrade and remove them in trees of Debian 12 and 13, and try them in VMs
	@tests/deb/check

tests: deps ## build the programs that run in the guest
	@tests/vm/build-tests

deps: ## install the packages that all this needs (Debian 12)
	@packaging/install-deps

fill-cache: deps ## fetch and build, beforehand, the kernels and the Debian 13 of the targets above
	@packaging/install-deps --debug
	@tests/vm/fill-cache

clean: ## remove build/
	rm -rf build

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 22
	@echo "  V=1 shows the commands. K=$$(sed -n 's/^\([0-9][^	]*\).*/\1/p' tests/vm/kernels | xargs | tr ' ' '|'), P=$$(ls tests/vm/profiles | xargs | tr ' ' '|')"
