# SPDX-License-Identifier: GPL-2.0-only
"""rmpctl: what an operator asks of the rmp_enforce kernel module.

Everything is read through the files that docs/ABI/ and docs/records.md
describe, below one root (see host.Host), so that all of it works as well on an
unpacked bundle of another machine.
"""

VERSION = "0.1.0"
