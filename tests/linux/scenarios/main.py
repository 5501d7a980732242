# SPDX-License-Identifier: GPL-2.0-only
"""
main.py [SCENARIO...]: on the simulated host, as root: runs the scenarios (all, if none
is named) one after the other, in strict mode.  KTAP on standard output; consoles and
measured.json in /out.
"""

import os
import platform
import sys
from collections import namedtuple

import clean
import enforcer
import on_crash
import report
import second
import violations

Tools = namedtuple("Tools", "trace log")

SCENARIOS = {
    "boot": clean.boot,
    "io": clean.io,
    "smp": clean.smp,
    "kexec": second.kexec,
    "kdump": second.kdump,
    "kexec-newer": second.kexec_newer,
    "kdump-newer": second.kdump_newer,
    "vc": violations.vc,
    "terminate": violations.terminate,
    "on-crash": on_crash.on_crash,
}


def main():
    names = sys.argv[1:] or list(SCENARIOS)
    unknown = [n for n in names if n not in SCENARIOS]
    if unknown:
        print("error: no scenario %s; there are: %s." %
              (", ".join(unknown), " ".join(SCENARIOS)), file=sys.stderr)
        return 2
    rep = report.Report("/out/measured.json")
    rep.measured["host"] = "Host: Linux %s on %d simulated CPU%s." % (
        platform.release(), os.cpu_count(), "s"[:os.cpu_count() != 1])
    enforcer.write("mode", "strict")
    enforcer.write("action", "vc")
    tools = Tools(enforcer.Trace(), enforcer.KernelLog())
    for name in names:
        rep.step("scenario " + name)
        try:
            SCENARIOS[name](rep, tools)
        except Exception as e:      # the others are still to come
            rep.check(False, name + ": ran to its end", "%s: %s" % (type(e).__name__, e))
    rep.check(not tools.trace.lost, "no event of the trace was lost")
    return rep.end()


if __name__ == "__main__":
    sys.exit(main())
