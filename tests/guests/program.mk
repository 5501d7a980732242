# SPDX-License-Identifier: GPL-2.0-only
# What the makefiles of programs with VMs share; included by them:
#	O	output folder
#	UAPI	usr/include of a linux-libc-dev >= 6.12
# Sets guests (this folder), here (the makefile's), out, CFLAGS; has a rule for
# $(out)/guests/libvmm.a.

O	?= build
UAPI	?= /usr/include
CC	?= gcc

guests	:= $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
here	:= $(dir $(abspath $(firstword $(MAKEFILE_LIST))))
out	:= $(abspath $(O))

CFLAGS	:= -std=gnu11 -O2 -g -Wall -Wextra -Werror -pthread -I $(guests) \
	   -isystem $(UAPI) -isystem $(UAPI)/x86_64-linux-gnu
vmm-headers := $(wildcard $(guests)*.h $(guests)vmm/*.h)

all:

$(out)/guests/libvmm.a: FORCE
	$(MAKE) -C $(guests) O=$(out)/guests UAPI=$(UAPI)

FORCE:
.PHONY: all FORCE
.DELETE_ON_ERROR:
