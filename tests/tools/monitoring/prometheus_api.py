# SPDX-License-Identifier: GPL-2.0-only
"""The HTTP API of Prometheus; alertmanager has text(), too."""

import json
import urllib.error
import urllib.parse
import urllib.request

TIMEOUT_S = 60
# Nothing of this machine's proxies.
OPEN = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class QueryError(Exception):
    """What Prometheus says of a query that it refuses."""


class Api:
    def __init__(self, address):
        self.address = address

    def text(self, path, **words):
        url = f"http://{self.address}/{path}?{urllib.parse.urlencode(words)}"
        try:
            with OPEN(url, timeout=TIMEOUT_S) as answer:
                return answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            raise QueryError(error.read().decode("utf-8", "replace")) from None

    def get(self, path, **words):
        return json.loads(self.text(path, **words))["data"]

    def instant(self, query, when):
        """[(labels, value)]"""
        told = self.get("api/v1/query", query=query, time=when)["result"]
        return [(one["metric"], float(one["value"][1])) for one in told]

    def range(self, query, start, end, step):
        """[(labels, [(time, value)])]"""
        told = self.get("api/v1/query_range", query=query, start=start, end=end, step=step)
        return [(one["metric"], [(when, float(value)) for when, value in one["values"]])
                for one in told["result"]]

    def printed(self, query):
        """How Prometheus prints a query."""
        return self.get("api/v1/format_query", query=query)

    def rules(self):
        return [rule for group in self.get("api/v1/rules")["groups"] for rule in group["rules"]]

    def firing(self):
        """{(alert, summary)} that fire now."""
        return {(one["labels"]["alertname"], one["annotations"].get("summary", ""))
                for one in self.get("api/v1/alerts")["alerts"] if one["state"] == "firing"}
