# SPDX-License-Identifier: GPL-2.0-only

KDIR ?= /lib/modules/$(shell uname -r)/build
VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
DKMS_SOURCE := $(DESTDIR)/usr/src/rmp_enforce-$(VERSION)
GUEST_DKMS_SOURCE := $(DESTDIR)/usr/src/rmp_enforce_guest-$(VERSION)

all: modules

help:
	@echo 'rmp_enforce $(VERSION): what make can do'
	@echo
	@echo '  all (default)    build rmp_enforce.ko for the running kernel'
	@echo '  install          install it, for modprobe'
	@echo '  uninstall        remove it again'
	@echo '  dkms-install     have DKMS build and install it: for this kernel, and for those that come'
	@echo '  dkms-remove      remove it from DKMS'
	@echo '  install-tools    install rmpctl, its systemd units and hooks'
	@echo '  uninstall-tools  remove them again'
	@echo '  guest            build guest/rmp_enforce_guest.ko, a module for SNP guests under test'
	@echo '  deb              Debian packages of module (for DKMS), tools and guest, in build/deb'
	@echo '  rpm              RPM packages of module and tools, in build/rpm'
	@echo '  clean            remove what was built'
	@echo
	@echo '  demo             show what it does, on a simulated SNP host'
	@echo '  demo-linux       the same with Linux as guest, under libvirt'
	@echo '  test             all tests'
	@echo '  test-unit        tracker and judge, on this machine'
	@echo '  test-sim         the simulated SNP host itself'
	@echo '  test-e2e         scenarios of SNP guests on the simulated host'
	@echo '  torture          random guests against a model of the rule (SEED= OPS= TIME= COVER=y)'
	@echo '  fuzz             tracker, judge and parsers under libFuzzer (TIME=)'
	@echo '  test-kernels     build, boot and test-e2e on several kernels (KERNELS=help)'
	@echo '  test-linux       Linux as SNP guest (SCENARIOS="io smp ...")'
	@echo '  test-debug       scenarios and random guests on debug kernels (KERNELS="kasan kcsan rt")'
	@echo '  test-planted     bugs put into copies of the module: each must be found'
	@echo "  test-peers       KVM's own selftests, with and without the module (TESTS=all)"
	@echo '  test-mutants     small mistakes, one at a time: which would no test notice? (STAGE= FILES= COUNT= SEED= N=)'
	@echo '  test-tools       rmpctl and what is around it, on simulated hosts (PARTS=)'
	@echo '  test-dkms        packages and DKMS, in Debian systems of their own'
	@echo '  bench            what the module costs (BENCH=--quick, BENCH=PART)'
	@echo '  check            checkpatch, sparse, clang, coccinelle, shellcheck, pyflakes'
	@echo
	@echo 'KDIR=DIR is another kernel to build for (now: $(KDIR)).'
	@echo 'demo and test set up what they need, as root: see README.md.'

modules: headers
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

guest: headers
	$(MAKE) -C $(KDIR) M=$(CURDIR)/guest modules

headers:
	@test -e $(KDIR)/Makefile || { \
		echo 'error: no kernel headers in $(KDIR): install them, or set KDIR.' >&2; \
		exit 1; }

# Headers packages come without the key to sign with and without System.map, for
# want of which the kernel's own target runs no depmod.
install: modules
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules_install \
		$(if $(wildcard $(KDIR)/certs/signing_key.pem),,CONFIG_MODULE_SIG_ALL=)
	$(DEPMOD)

uninstall:
	rm -f $(INSTALL_MOD_PATH)/lib/modules/$(RELEASE)/updates/rmp_enforce.ko*
	$(DEPMOD)

# In a staging folder, whoever installs from it runs depmod.
DEPMOD = $(if $(INSTALL_MOD_PATH),,depmod $(RELEASE))
RELEASE = $(shell $(MAKE) -s --no-print-directory -C $(KDIR) kernelrelease)

# What DKMS needs, where it looks for it. Packages call this with DESTDIR.
dkms-source:
	rm -rf $(DKMS_SOURCE)
	mkdir -p $(DKMS_SOURCE)/compat $(DKMS_SOURCE)/include $(DKMS_SOURCE)/src
	cp Kbuild Makefile dkms.conf $(DKMS_SOURCE)
	cp compat/*.c $(DKMS_SOURCE)/compat
	cp include/*.h $(DKMS_SOURCE)/include
	cp src/*.c $(DKMS_SOURCE)/src

guest-dkms-source:
	rm -rf $(GUEST_DKMS_SOURCE)
	mkdir -p $(GUEST_DKMS_SOURCE)
	cp guest/Kbuild guest/dkms.conf guest/rmp_enforce_guest.c $(GUEST_DKMS_SOURCE)

dkms-install: dkms-source
	dkms install rmp_enforce/$(VERSION)

dkms-remove:
	dkms remove rmp_enforce/$(VERSION) --all
	rm -rf $(DKMS_SOURCE)

install-tools:
	@$(MAKE) --no-print-directory -C tools install

uninstall-tools:
	@$(MAKE) --no-print-directory -C tools uninstall

clean:
	rm -rf build
	find . -path ./.git -prune -o \( -name '*.o' -o -name '.*.cmd' -o -name '*.ko' \
		-o -name '*.mod' -o -name '*.mod.c' -o -name modules.order \
		-o -name Module.symvers \) -type f -exec rm -f {} +

demo:
	@tests/run demo

demo-linux:
	@tests/linux/demo

test:
	@tests/run test

test-unit test-sim test-e2e: test-%:
	@tests/run test $*

torture:
	@SEED="$(SEED)" OPS="$(OPS)" TIME="$(TIME)" CPUS="$(CPUS)" COVER="$(COVER)" SCRIPT="$(SCRIPT)" \
		tests/torture/run

fuzz:
	@tests/setup/packages
	@tests/setup/packages clang libclang-rt-dev
	@$(MAKE) --no-print-directory -C tests/fuzz O=$(CURDIR)/build/fuzz $(if $(TIME),TIME=$(TIME))

test-debug:
	@tests/debug/run $(KERNELS)

test-planted:
	@tests/planted/run $(BUGS)

test-peers:
	@tests/peers/run $(TESTS)

test-mutants:
	@STAGE="$(STAGE)" FILES="$(FILES)" COUNT="$(COUNT)" SEED="$(SEED)" N="$(N)" WRITE="$(WRITE)" tests/mutants/run

test-kernels:
	@tests/kernels $(KERNELS)

test-linux:
	@tests/linux/run $(SCENARIOS)

# Names its own builds: what make was called with is not for them.
deb rpm:
	@packaging/build-$@ $(CURDIR)/build/$@

test-dkms:
	@tests/dkms/run

test-tools:
	@RECORD="$(RECORD)" tests/tools/run $(PARTS)

bench:
	@tests/bench/run $(BENCH)

check:
	@tests/check

.PHONY: all help modules guest headers install uninstall install-tools uninstall-tools \
	dkms-source guest-dkms-source dkms-install dkms-remove clean deb rpm test-dkms test-tools test-linux demo demo-linux \
	test torture fuzz test-debug test-planted test-peers test-mutants test-unit test-sim test-e2e test-kernels bench check
