# SPDX-License-Identifier: GPL-2.0-only
"""The commands, a module each.

SUMMARY and DETAILS are its help, arguments(parser) adds what it takes, and
run(host, args) prints and returns the exit status.
"""

from . import (bundle, check, explain, history, journal, list as list_vms, map as map_pages,
               metrics, set as set_settings, show, triage, watch, where)

# In the order of the help.
COMMANDS = {
    "check": check,
    "list": list_vms,
    "show": show,
    "watch": watch,
    "set": set_settings,
    "map": map_pages,
    "history": history,
    "explain": explain,
    "where": where,
    "triage": triage,
    "bundle": bundle,
    "metrics": metrics,
    "journal": journal,
}
