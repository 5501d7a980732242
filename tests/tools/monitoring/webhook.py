# SPDX-License-Identifier: GPL-2.0-only
"""What alertmanager delivers to: a server that keeps what it is told."""

import http.server
import json
import threading


class Webhook:
    """notices are (status, labels, annotations), in the order in which they came."""

    def __init__(self, log):
        self.notices = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):      # noqa: N802
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with open(log, "a", encoding="utf-8") as file:
                    file.write(json.dumps(told) + "\n")
                outer.notices += [(a["status"], a["labels"], a["annotations"])
                                  for a in told["alerts"]]
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/"

    def delivered(self, status):
        """{(alert, summary)} that it was told of with this status."""
        return {(labels["alertname"], annotations.get("summary", ""))
                for s, labels, annotations in list(self.notices) if s == status}
