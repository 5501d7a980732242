# SPDX-License-Identifier: GPL-2.0-only
"""What the guest talks to over the network: a file to fetch, and a port that swallows."""

import functools
import hashlib
import http.server
import os
import socketserver
import threading

SIZE = 2 << 20
HTTP, SINK = 8000, 8001
# How QEMU's user network shows this host to the guest.
ARGS = "rmp.host=10.0.2.2:%d rmp.sink=10.0.2.2:%d" % (HTTP, SINK)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


class Services:
    def __init__(self, folder="/run/served"):
        os.makedirs(folder, exist_ok=True)
        blob = os.urandom(SIZE)
        self.sum = hashlib.md5(blob).hexdigest()
        self.received = []      # md5 of each upload
        with open(folder + "/blob", "wb") as f:
            f.write(blob)
        with open(folder + "/blob.md5", "w", encoding="ascii") as f:
            f.write(self.sum + "  -\n")
        received = self.received

        class Sink(socketserver.StreamRequestHandler):
            def handle(self):
                received.append(hashlib.md5(self.rfile.read()).hexdigest())

        handler = functools.partial(Quiet, directory=folder)
        for server in (http.server.ThreadingHTTPServer(("", HTTP), handler),
                       socketserver.ThreadingTCPServer(("", SINK), Sink)):
            threading.Thread(target=server.serve_forever, daemon=True).start()
