"""What Panelgate promises of itself, measured: a table of figures beside what was promised.

    benches/compare/figures --write docs/performance.md

Memory, sizes and counts are the same on a busy machine; times are not, and hold for the machine that they were
measured on. `--only size,memory` measures a part.
"""

import argparse
import json
import os
import platform
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from . import peers
from . import report
from .processes import Group
from .stage import Stage

# The project's folder, wherever the command was called from.
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
STARTS = 10
PATIENCE = 60
MIB = 1 << 20
# The load that memory is measured under.
PEOPLE, SOCKETS = 10_000, 2_000


class Run:
    """What the parts share."""

    def __init__(self, programs, folder, servers, rules):
        self.program = os.path.join(programs, "panelgate")
        self.tool = os.path.join(programs, "bench-tool")
        cores = set(range(os.cpu_count()))
        # The gateway has the first core for itself, as when it is compared.
        self.front, self.back = ({0}, cores - {0}) if len(cores) > 1 else (cores, cores)
        self.stage = Stage(self.tool, folder, self.back, servers, rules, watch=0)
        self.peer = peers.panelgate(self.stage, self.program, 1)

    def start(self):
        """Starts the gateway, and gives its processes, the one of it, and how long it took to be ready."""
        path = self.stage.path("notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
            listening.settimeout(PATIENCE)
            listening.bind(path)
            group = Group("panelgate")
            begun = time.monotonic()
            process = group.start(self.peer.command, self.front, self.stage.path("panelgate.out"),
                                  {**self.peer.environment, "NOTIFY_SOCKET": path})
            # sd_notify(3): what is told before is nothing that people could use.
            while b"READY=1" not in listening.recv(4096):
                pass
            took = time.monotonic() - begun
        os.unlink(path)
        return group, process, took

    def end(self):
        self.stage.group.stop(signal.SIGTERM)


def size(asked):
    """The program as it is released."""
    return [("stripped program", "below 20 MB", f"{os.path.getsize(os.path.join(asked.programs, 'panelgate')) / 1e6:.1f} MB")]


def start(asked):
    """From the start of the process to when it says that it is ready, with its state there already."""
    rows = []
    for servers, rules in ((500, 2000), (2000, 5000)):
        with tempfile.TemporaryDirectory(prefix="panelgate-figures-") as folder:
            run = Run(asked.programs, folder, servers, rules)
            try:
                run.start()[0].stop(signal.SIGTERM)
                times = []
                for _ in range(STARTS):
                    group, _, took = run.start()
                    times.append(took * 1000)
                    group.stop(signal.SIGTERM)
            finally:
                run.end()
        rows.append((f"start-up with {servers:,} servers and {rules:,} rules, median of {STARTS}", "below 300 ms",
                     f"{statistics.median(times):.0f} ms (at most {max(times):.0f})"))
    return rows


def opening(asked):
    """From the click to the panel's first page, without what the server takes."""
    command = [os.path.join(asked.programs, "bench-tool"), "opening", "--program", os.path.join(asked.programs, "panelgate")]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout)
    return [("opening a server: what the gateway adds, median of 100", "below 5 ms",
             f"{told['added_ms']:.1f} ms ({told['whole_ms']:.1f} of which the server {told['server_ms']:.1f})")]


def memory(asked):
    """Many people signed in, of whom some have a terminal open: all memory of the process."""
    with tempfile.TemporaryDirectory(prefix="panelgate-figures-") as folder:
        run = Run(asked.programs, folder, 500, 2000)
        group, load = None, Group("load")
        try:
            group, process, _ = run.start()
            fresh = group.memory()
            told = run.stage.ask(f"{run.peer.address[0]} {PEOPLE} {SOCKETS}")
            people = group.memory()
            first, *others = told["panels"]
            command = [run.tool, "load", "--address", "%s:%d" % run.peer.address, "--name", f"{first['name']}:2087",
                       "--authority", run.stage.path("authority.pem"), "--prefix", first["prefix"],
                       "--header", f"Cookie: {first['cookie']}"]
            command += [part for line in peers.METADATA for part in ("--header", line)]
            command += [part for way in others for part in ("--person", f"{way['prefix']} Cookie: {way['cookie']}")]
            command += ["idle", "--websockets", "--connections", str(SOCKETS)]
            opened = load.start(command, run.back, run.stage.path("load.log"), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
            if opened.stdout.readline():
                opened.stdin.write("go\n")
                opened.stdin.flush()
            if not opened.stdout.readline():
                with open(run.stage.path("load.log")) as log:
                    raise RuntimeError(f"the WebSockets were not opened: {log.read()[-300:]}")
            # Allocators give back what they do not need within a moment.
            time.sleep(2)
            whole = group.memory()
            with open(f"/proc/{process.pid}/status") as file:
                resident = int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) * 1024
        finally:
            load.stop(signal.SIGKILL)
            if group:
                group.stop(signal.SIGTERM)
            run.end()
    each = (people - fresh) / PEOPLE / 1024
    return [
        ("memory when nobody has come yet, 500 servers", "", f"{fresh / MIB:.1f} MiB"),
        (f"{PEOPLE:,} people signed in, {SOCKETS:,} of them with a panel", "", f"{people / MIB:.1f} MiB ({each:.1f} KiB each)"),
        (f"the same, with {SOCKETS:,} WebSockets open", "below 150 MiB", f"{whole / MIB:.1f} MiB (resident {resident / MIB:.1f})"),
    ]


def console(asked):
    """The console of somebody who may open 500 servers, from this machine and in Chromium."""
    with tempfile.TemporaryDirectory(prefix="panelgate-figures-") as folder:
        run = Run(asked.programs, folder, 500, 2000)
        group = None
        try:
            group, _, _ = run.start()
            address, authority = run.peer.address[0], run.stage.path("authority.pem")
            cookie = run.stage.ask(f"{address} overseer")["cookie"]
            wanted = {"origin": "https://connect.example.com", "address": address, "authority": authority,
                      "cookie": cookie, "loads": 20}
            told = subprocess.run(["node", "tests/browser/figures/console.js", json.dumps(wanted)], capture_output=True,
                                  text=True, timeout=300, cwd=ROOT)
            if told.returncode:
                raise RuntimeError(f"the browser: {told.stderr[-600:]}")
            told = json.loads(told.stdout)
        finally:
            if group:
                group.stop(signal.SIGTERM)
            run.end()
    if told["entries"] != 500:
        raise RuntimeError(f"the console shows {told['entries']} servers")
    return [
        ("the console with 500 servers: request to last byte, median of 20", "below 50 ms", f"{told['server_ms']:.1f} ms"),
        ("... request to first paint in Chromium", "", f"{told['paint_ms']:.0f} ms"),
        ("... page, styles and scripts as they are sent", "below 60 kB", f"{told['bytes'] / 1000:.1f} kB"),
        ("... layout shift", "0", f"{told['shifts']:g}"),
        ("typing in the list of 500: frames dropped", "0", f"{told['dropped']} of {told['frames']}"),
        ("... longest work for a key", "below 16 ms", f"{told['longest_key_ms']:.1f} ms" if told["longest_key_ms"] else "below 16 ms"),
    ]


def lookups(_):
    """What `cargo bench` says of the parts that every request passes."""
    def bench(name):
        command = ["cargo", "bench", "--locked", "--quiet", "--bench", name]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    decided, found = bench("policy"), bench("sessions")
    took = re.search(r"^decision\s+(\d+) ns", decided, re.M).group(1)
    allocated, decisions = re.search(r"^allocations\s+(\d+)\s+in (\d+)", decided, re.M).groups()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found.splitlines()]
    whole, _, hashing, none = rows[-1][1:5]
    return [
        ("a decision over 2,000 servers and 5,000 rules", "below 1 µs, no allocation", f"{took} ns, {allocated} allocations in {int(decisions):,}"),
        ("finding a session among 10,000 by its cookie", "below 1 µs, no allocation",
         f"{whole} (SHA-256 of the cookie: {hashing}), allocations: {none}"),
    ]


PARTS = {"size": size, "start": start, "opening": opening, "memory": memory, "console": console, "lookups": lookups}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True, help="the folder with panelgate and bench-tool")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, between commas")
    report.options(parser)
    asked = parser.parse_args()
    rows = []
    for part in asked.only.split(","):
        for row in PARTS[part](asked):
            rows.append(row)
            print(" | ".join(row), flush=True)
    when = f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, {os.cpu_count()} cores."
    lines = [when, "", "| what | promised | measured |", "|---|---|---|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    report.tell(asked, "figures", lines, [dict(zip(("what", "promised", "measured"), row)) for row in rows])
    return 0


if __name__ == "__main__":
    sys.exit(main())
