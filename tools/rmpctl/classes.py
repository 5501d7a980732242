# SPDX-License-Identifier: GPL-2.0-only
"""The classes of violations (docs/records.md), and what they count for."""

# They speak against the guest.
GUEST_ERRORS = ("implicit_private", "implicit_shared", "first_touch")
OTHERS = ("initial_shared", "in_flight", "vmpl", "host", "unbacked", "no_progress")
CLASSES = GUEST_ERRORS + OTHERS
POLICY_CLASSES = GUEST_ERRORS + ("initial_shared", "in_flight", "vmpl")
# Nothing is ever done about these, whatever the settings are.
NEVER_ACTED_UPON = tuple(c for c in CLASSES if c not in POLICY_CLASSES)
