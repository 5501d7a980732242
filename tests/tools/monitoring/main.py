#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""main.py SERVERS RULES DASHBOARD OUT: fifty made-up hosts, a node_exporter for each, and a
Prometheus and an alertmanager that watch them by the example rules, on a clock on which a minute
is a second. Each alert fires, is delivered, and ends. Then each query of the dashboard is asked.
SERVERS is what the script servers prints. Output is KTAP; logs, the delivered alerts and the
dashboard's data are left in the folder OUT.

Environment: RMP_SLOW=3, a minute is three seconds."""

import json
import os
import resource
import signal
import sys
import tempfile
import time

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path[:0] = [HERE, os.path.join(TOP, "tools")]

import dashboard  # noqa: E402
import made_up  # noqa: E402
import scaled  # noqa: E402
from incidents import EXPECTED, GUESTS, HOSTS, INCIDENTS  # noqa: E402
from processes import Failure, Servers  # noqa: E402
from prometheus_api import Api, QueryError  # noqa: E402
from webhook import Webhook  # noqa: E402

SLOW = float(os.environ.get("RMP_SLOW") or 1)
MINUTE_S = 1.0 * SLOW
QUIET_MIN = 12          # more than ten, so that nothing is new any more
FIRED_MIN, ENDED_MIN = 110, 60
LATE_MIN = 30           # more, and nothing can be said of what fires when
WRITE_EVERY_MIN = 5     # what is quiet: rmpctl takes 12 ms of CPU for a host


class Results:
    """KTAP."""

    def __init__(self):
        self.number, self.failed = 0, 0

    def say(self, good, name, *why):
        self.number += 1
        self.failed += not good
        if not good:
            for line in why:
                print(f"# {line}", flush=True)
        print(f"{'ok' if good else 'not ok'} {self.number} - monitoring: {name}", flush=True)

    def same(self, name, got, wanted):
        self.say(got == wanted, name, *(f"missing: {x}" for x in sorted(wanted - got)),
                 *(f"not expected: {x}" for x in sorted(got - wanted)))


class Host(made_up.Host):
    """One that a node_exporter serves."""

    def __init__(self, world, name):
        super().__init__(world.work, name)
        self.world, self.exporter, self.address = world, None, None

    @property
    def has_metrics(self):
        return os.path.exists(self.prom) and self.exporter.process.poll() is None

    def start_exporter(self):
        self.exporter = self.world.servers.start(
            f"{self.world.out}/{self.name}.log", self.world.program("prometheus-node-exporter"),
            "--web.listen-address=127.0.0.1:0", "--collector.disable-defaults",
            "--collector.textfile", f"--collector.textfile.directory={self.text}")
        self.address = None

    def export(self):
        """Again, on another port."""
        self.start_exporter()
        self.world.write_targets()


class World:
    """The hosts and the servers."""

    def __init__(self, bin_folder, rules, work, out):
        self.bin, self.work, self.out = bin_folder, work, out
        with open(rules, encoding="utf-8") as file:
            self.rules = file.read()
        self.servers = Servers()
        self.hosts = [Host(self, f"host{i:02}") for i in range(1, HOSTS + 1)]

    def program(self, name):
        return os.path.join(self.bin, "usr/bin", name)

    def host(self, number):
        return self.hosts[number - 1]

    def write(self, name, text):
        path = os.path.join(self.work, name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path)
        return path

    def write_targets(self):
        for host in self.hosts:
            host.address = host.address or host.exporter.address(SLOW)
        self.write("targets.json", json.dumps(
            [{"targets": [host.address], "labels": {"instance": host.name}}
             for host in self.hosts]))

    def start(self):
        for host in self.hosts:
            host.load()
            for name in GUESTS:
                host.start(f"{name}{host.name[-2:]}")
        for incident in INCIDENTS:
            if incident.minute < 0:
                incident.happen(self.host(incident.number))
        for host in self.hosts:
            if host.writes:
                host.publish()
        for host in self.hosts:
            host.start_exporter()
        self.write_targets()

        self.webhook = Webhook(f"{self.out}/delivered.json")
        alertmanager = self.servers.start(
            f"{self.out}/alertmanager.log", self.program("prometheus-alertmanager"),
            "--web.listen-address=127.0.0.1:0", "--cluster.listen-address=",
            f"--storage.path={self.work}/alertmanager", "--config.file=" + self.write(
                "alertmanager.yml", yaml.safe_dump({
                    "route": {"receiver": "test", "group_by": ["alertname"], "group_wait": "0s",
                              "group_interval": "1s", "repeat_interval": "1h"},
                    "receivers": [{"name": "test", "webhook_configs": [
                        {"url": self.webhook.url, "send_resolved": True}]}]})),
            share=os.path.join(self.bin, "usr/share"))
        self.alerts = Api(alertmanager.address(SLOW))

        interval = f"{round(MINUTE_S * 1000)}ms"
        self.write("rules.yml", scaled.scaled(self.rules, MINUTE_S / 60))
        prometheus = self.servers.start(
            f"{self.out}/prometheus.log", self.program("prometheus"),
            "--web.listen-address=127.0.0.1:0", f"--storage.tsdb.path={self.work}/tsdb",
            f"--query.lookback-delta={round(5 * MINUTE_S * 1000)}ms",
            "--config.file=" + self.write("prometheus.yml", yaml.safe_dump({
                "global": {"scrape_interval": interval, "scrape_timeout": interval,
                           "evaluation_interval": interval},
                "rule_files": ["rules.yml"],
                "alerting": {"alertmanagers": [
                    {"static_configs": [{"targets": [self.alerts.address]}]}]},
                "scrape_configs": [{"job_name": "node", "file_sd_configs": [
                    {"files": ["targets.json"]}]}]})))
        self.prometheus = Api(prometheus.address(SLOW))

    def end(self):
        self.servers.end()


class Clock:
    """Runs minute after minute: the hosts' work and incidents; and sees what fires."""

    def __init__(self, world):
        self.world, self.begun, self.minute = world, time.monotonic(), 0
        self.next = self.begun
        self.fired, self.now = set(), set()
        self.incidents_from = None
        self.paused = False

    def _incidents(self):
        touched = set()
        since = self.minute - self.incidents_from
        for incident in INCIDENTS:
            host = self.world.host(incident.number)
            if incident.minute == since:
                incident.happen(host)
                touched.add(host)
            elif (incident.keep and 0 <= incident.minute < since
                  and (since - incident.minute) % 3 == 0):
                incident.keep(host)
                touched.add(host)
        return touched

    def mend(self):
        for incident in INCIDENTS:
            if incident.mend:
                host = self.world.host(incident.number)
                incident.mend(host)
                if host.writes:
                    host.publish()

    def tick(self):
        """One minute."""
        self.minute += 1
        late = time.monotonic() - self.next
        if late > LATE_MIN * MINUTE_S:
            raise Failure(f"this machine is too slow for a minute of {MINUTE_S:g} s: set RMP_SLOW "
                          f"to more than {SLOW:g}.")
        # What is late is not made up for: servers have their own clocks.
        self.next = max(self.next, time.monotonic() - MINUTE_S) + MINUTE_S
        time.sleep(max(self.next - time.monotonic(), 0))
        touched = set()
        if self.incidents_from is not None and not self.paused:
            touched = self._incidents()
        for number, host in enumerate(self.world.hosts):
            due = (self.minute + number) % WRITE_EVERY_MIN == 0
            if due:
                host.work(64 + 8 * (number % 7) + 4 * (self.minute % 9))
            if host.writes and (due or host in touched):
                host.publish()
        self.now = self.world.prometheus.firing()
        self.fired |= self.now

    def until(self, minutes, what, condition):
        """Whether that came true in time; a line now and then until it does."""
        start = self.minute
        while self.minute < start + minutes:
            self.tick()
            if condition():
                return True
            if self.minute % 10 == 0:
                print(f"# {self.minute} minutes ({time.monotonic() - self.begun:.0f} s): {what()}",
                      flush=True)
        return False


def names_somebody(summary):
    """A host, at least; and a guest if it is about one."""
    return any(f"host{i:02}" in summary for i in range(1, HOSTS + 1)) and "  " not in summary


def run(world, results, board):
    world.start()
    api, clock = world.prometheus, Clock(world)
    webhook = world.webhook

    def count(query):
        return sum(value for _, value in api.instant(query, time.time()))

    clock.until(QUIET_MIN, lambda: "all is quiet", lambda: False)
    different = scaled.differences(world.rules, api.rules(), api.printed, MINUTE_S / 60)
    results.say(not different, "the rules are those of the package, on another clock", *different)
    results.same("fifty hosts are scraped, and have metrics",
                 {("up", count("sum(up)")), ("rmp_enforce_up", count("sum(rmp_enforce_up)"))},
                 {("up", HOSTS), ("rmp_enforce_up", HOSTS - 1)})
    results.same("nothing fires while nothing happens", clock.fired | webhook.delivered("firing"),
                 set())

    clock.incidents_from = clock.minute + 1
    clock.until(FIRED_MIN, lambda: f"{len(clock.fired)} of {len(EXPECTED)} alerts have fired",
                lambda: clock.fired >= EXPECTED and webhook.delivered("firing") >= EXPECTED)
    ask_dashboard(world, results, board, clock)

    clock.mend()
    clock.until(ENDED_MIN, lambda: f"{len(clock.now)} alerts still fire",
                lambda: not clock.now and webhook.delivered("resolved") >= EXPECTED)
    told, over = webhook.delivered("firing"), webhook.delivered("resolved")
    for name in sorted({rule["alert"] for rule in scaled.rules(world.rules)}):
        def of(alerts):
            return {alert for alert in alerts if alert[0] == name}
        wanted = of(EXPECTED)
        results.say(bool(wanted) and of(clock.fired) == of(told) == wanted,
                    f"{name} fires, and is delivered", f"expected: {wanted}",
                    f"fired: {of(clock.fired)}", f"delivered: {of(told)}")
        results.say(bool(wanted) and of(over) == wanted and not of(clock.now),
                    f"{name} ends, and that is delivered", f"expected: {wanted}",
                    f"still fires: {of(clock.now)}", f"delivered: {of(over)}")
    results.same("no other alert fires", clock.fired | told, EXPECTED)
    nobody = {summary for _, summary in clock.fired | told if not names_somebody(summary)}
    results.same("every summary names whom it is about", nobody, set())
    failed = [line for line in world.alerts.text("metrics").splitlines()
              if line.startswith("alertmanager_notifications_failed_total{")
              and 'integration="webhook"' in line and not line.endswith(" 0")]
    results.say(not failed, "alertmanager delivers at once", *failed)
    return clock


def ask_dashboard(world, results, board, clock):
    """All that a Grafana would ask, when all has happened and is scraped."""
    clock.paused = True
    clock.until(3, lambda: "the dashboard is asked", lambda: False)
    wanted = dashboard.expected(world.hosts)
    data = dashboard.ask(board, world.prometheus, time.time(), time.monotonic() - clock.begun,
                         MINUTE_S)
    with open(f"{world.out}/dashboard.json", "w", encoding="utf-8") as file:
        json.dump(data, file, indent=1)
    results.same("dashboard: the choice of hosts", set(data["variables"]["instance"]),
                 {host.name for host in world.hosts})
    for panel, told in zip(board["panels"], data["panels"]):
        title = panel["title"]
        got = dashboard.shown(panel, told["targets"])
        results.say(bool(got) and got == wanted.get(title), f"dashboard: {title}", f"shows {got}",
                    f"expected {wanted.get(title)}")


def main(bin_folder, rules, board, out):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    results = Results()
    with open(board, encoding="utf-8") as file:
        board = json.load(file)
    begun = time.monotonic()
    print("KTAP version 1", flush=True)
    with tempfile.TemporaryDirectory(prefix="rmp_enforce-monitoring.") as work:
        world = World(bin_folder, rules, work, out)
        try:
            clock = run(world, results, board)
        finally:
            # Nothing stops it now: no server and no file is to be left.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            world.end()
        with open(world.host(2).prom, encoding="utf-8") as file:
            text = file.read()
    with open(f"{out}/metrics.txt", "w", encoding="utf-8") as file:
        file.write(text)
    wall = time.monotonic() - begun
    cpu = sum(resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime
              for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"# {clock.minute} minutes in {wall:.0f} s, with {cpu:.0f} s of CPU")
    print(f"1..{results.number}")
    return 1 if results.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except (Failure, QueryError, OSError) as error:
        print(f"Bail out! {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
