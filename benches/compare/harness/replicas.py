"""Whether two gateways with PostgreSQL carry twice what one carries: CPU time for each small request.

    benches/compare/replicas --write docs/performance.md

On a machine of two cores two gateways, a database and the load have no room to show it by throughput. So each
gateway has a core of its own and what is compared is the time that it takes for a request, alone and beside the
other, and what the database takes for it: if that is next to nothing and the rest stays the same, machines add up.
"""

import argparse
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from . import openid
from . import peers
from . import report
from .processes import Group
from .stage import Stage

REQUESTS, CONNECTIONS = 16_000, 32
PATIENCE = 30


class Database:
    """PostgreSQL's processes: those of the server, and one for each connection."""

    def __init__(self, pid):
        self.pid = pid

    def cpu(self):
        """CPU time so far of those that live, in nanoseconds."""
        total = 0
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/stat") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
                if self.pid in (int(entry), parent):
                    with open(f"/proc/{entry}/schedstat") as file:
                        total += int(file.read().split()[0])
            except OSError:
                continue
        return total


class Setting:
    """Gateways that share the work."""

    def __init__(self, stage, name, members):
        self.stage, self.name, self.members = stage, name, members
        self.groups = []

    def start(self):
        """Starts them, the first on the first core and so on, and opens a panel at each."""
        for core, peer in enumerate(self.members):
            group = Group(peer.name)
            self.groups.append(group)
            group.start(peer.command, {core % os.cpu_count()}, self.stage.path(f"{peer.name}.out"), peer.environment)
            deadline = time.monotonic() + PATIENCE
            while True:
                try:
                    if openid.ask(peer.host, peer.address, "/", self.stage.path("authority.pem"), {})[0] != 503:
                        break
                except OSError:
                    pass
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{peer.name} does not start")
                time.sleep(0.05)
            peer.sign_in(peer)

    def loads(self):
        for peer in self.members:
            command = [self.stage.tool, "load", "--address", "%s:%d" % peer.address, "--name", peer.host, "--authority",
                       self.stage.path("authority.pem"), "--prefix", peer.prefix]
            command += [part for line in peer.headers for part in ("--header", line)]
            yield [*command, "requests", "--path", "/b/1024", "--connections", str(CONNECTIONS), "--requests",
                   str(REQUESTS // len(self.members)), "--expect", "1024"]

    def measure(self, database):
        """CPU time of the gateways and of the database for one request, in microseconds."""
        group, running = Group("load"), []
        try:
            for command in self.loads():
                running.append(group.start(command, set(range(os.cpu_count())), self.stage.path("load.log"),
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            self.heard(running, "READY")
            gateways, asked = sum(one.cpu() for one in self.groups), database.cpu()
            for process in running:
                process.stdin.write("go\n")
                process.stdin.flush()
            self.heard(running, "{")
            gateways, asked = sum(one.cpu() for one in self.groups) - gateways, database.cpu() - asked
        finally:
            group.stop(signal.SIGKILL)
        return gateways / REQUESTS / 1e3, asked / REQUESTS / 1e3

    def heard(self, running, what):
        for process in running:
            if not process.stdout.readline().startswith(what):
                with open(self.stage.path("load.log")) as log:
                    raise RuntimeError(f"the load failed: {log.read()[-300:]}")

    def stop(self):
        while self.groups:
            self.groups.pop().stop(signal.SIGTERM)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True, help="the folder with panelgate and bench-tool")
    parser.add_argument("--rounds", type=int, default=5)
    report.options(parser)
    asked = parser.parse_args()
    program, found = os.path.join(asked.programs, "panelgate"), {}
    with tempfile.TemporaryDirectory(prefix="panelgate-replicas-") as folder:
        # PostgreSQL refuses to be root, and reads its files as another user.
        os.chmod(folder, 0o755)
        cores = set(range(os.cpu_count()))
        stage = Stage(os.path.join(asked.programs, "bench-tool"), folder, cores, 500, 2000, watch=0, more=["--replicas"])
        try:
            database = Database(stage.database)
            settings = [
                Setting(stage, "one gateway, SQLite", [peers.panelgate(stage, program, 1)]),
                Setting(stage, "one gateway, PostgreSQL", [peers.replica(stage, program, 1)]),
                Setting(stage, "two gateways, PostgreSQL", [peers.replica(stage, program, n) for n in (1, 2)]),
            ]
            for number in range(asked.rounds):
                for setting in settings if number % 2 == 0 else reversed(settings):
                    try:
                        setting.start()
                        found.setdefault(setting.name, []).append(setting.measure(database))
                    finally:
                        setting.stop()
                print(f"round {number + 1} of {asked.rounds} done (load {os.getloadavg()[0]:.1f})", flush=True)
        finally:
            stage.group.stop(signal.SIGTERM)
    alone = found["one gateway, SQLite"]
    lines = [
        f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, {os.cpu_count()} cores, {asked.rounds} rounds. CPU time for "
        "one small request (A), medians; the ratio is that of the gateways to the first line, in the same round.", "",
        "| | gateways, µs | database, µs | ratio | so many times one machine |", "|---|---|---|---|---|",
    ]
    for setting in settings:
        rows = found[setting.name]
        gateways, asked_of_it = (statistics.median(row[place] for row in rows) for place in (0, 1))
        ratio = statistics.median(row[0] / first[0] for row, first in zip(rows, alone))
        lines.append(f"| {setting.name} | {gateways:.1f} | {asked_of_it:.2f} | {ratio:.2f} | {len(setting.members) / ratio:.2f} |")
    report.tell(asked, "replicas", lines, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
