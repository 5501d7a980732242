# SPDX-License-Identifier: GPL-2.0-only
"""What a check says."""

import collections

PASS, WARN, FAIL, SKIP = "PASS", "WARN", "FAIL", "SKIP"

Result = collections.namedtuple("Result", "name status detail hint")
