"""What one small request costs Panelgate, counted and not timed: the same on every machine.

    python3 -m harness.cost --programs ../../target/profiling

Instructions in user space and allocations are counted by callgrind, system calls by strace, each over a
fixed number of requests through a gateway with everything on. Ends with 1 when a limit is passed.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

from . import openid
from . import peers
from .processes import Group
from .stage import Stage

REQUESTS = 1000
# Per request. Measured figures stand in docs/performance.md.
LIMITS = {"instructions": 70_000, "allocations": 25, "system calls": 4.2}
# Where every allocation of ours passes through.
ALLOCATORS = re.compile(r"^(__rustc::)?__(rust|rdl|rg)_(alloc|alloc_zeroed|realloc)$|::(alloc|alloc_zeroed|realloc)$")
# A gateway under callgrind is slow to start and to stop, in seconds.
PATIENCE = 120


class Gateway:
    """Panelgate under a tool, with a panel open."""

    def __init__(self, stage, peer, before=()):
        self.stage, self.peer = stage, peer
        self.group = Group("panelgate")
        self.process = self.group.start([*before, *peer.command], set(range(os.cpu_count())),
                                        stage.path("panelgate.out"), peer.environment)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                openid.ask(peer.host, peer.address, "/", stage.path("authority.pem"), {})
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        peer.sign_in(peer)

    def load(self, requests):
        """Small requests, one after the other on eight connections that are open already when they are counted."""
        command = [self.stage.tool, "load", "--address", "%s:%d" % self.peer.address, "--name", self.peer.host,
                   "--authority", self.stage.path("authority.pem"), "--prefix", self.peer.prefix]
        command += [part for line in self.peer.headers for part in ("--header", line)]
        command += ["requests", "--path", "/b/1024", "--connections", "8", "--requests", str(requests), "--expect", "1024"]
        load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if load.stdout.readline().strip() != "READY":
            raise RuntimeError("the load did not get ready")
        return load

    @staticmethod
    def go(load):
        load.stdin.write("go\n")
        load.stdin.flush()
        if not load.stdout.readline():
            raise RuntimeError("the load failed")

    def end(self):
        self.group.stop(signal.SIGTERM)


def callgrind(stage, peer):
    """Instructions and allocations for one request."""
    out = stage.path("callgrind.out")
    tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--compress-strings=no", "--compress-pos=no"]
    gateway = Gateway(stage, peer, tool)
    load = gateway.load(REQUESTS)

    def control(what):
        subprocess.run(["callgrind_control", what, str(gateway.process.pid)], check=True, stdout=subprocess.DEVNULL)

    control("--zero")
    gateway.go(load)
    control("--dump")
    load.kill()
    gateway.end()
    dumps = [os.path.join(stage.folder, name) for name in os.listdir(stage.folder) if name.startswith("callgrind.out.")]
    with open(min(dumps)) as file:
        text = file.read()
    total = int(re.search(r"^(?:summary|totals): (\d+)", text, re.M).group(1))
    called, allocations = "", 0
    for line in text.splitlines():
        if line.startswith("cfn="):
            called = line[4:]
        elif line.startswith("calls=") and ALLOCATORS.search(called):
            allocations += int(line[6:].split()[0])
    return {"instructions": total / REQUESTS, "allocations": allocations / REQUESTS}


def strace(stage, peer):
    """System calls for one request."""
    gateway = Gateway(stage, peer)
    load = gateway.load(REQUESTS)
    summary = stage.path("strace.out")
    tracer = subprocess.Popen(["strace", "-f", "-c", "-o", summary, "-p", str(gateway.process.pid)],
                              stderr=subprocess.PIPE, text=True)
    # It says so when it is there.
    tracer.stderr.readline()
    gateway.go(load)
    tracer.send_signal(signal.SIGINT)
    tracer.wait()
    load.kill()
    gateway.end()
    with open(summary) as file:
        calls = sum(int(line.split()[3]) for line in file if re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+\d+", line)
                    and not line.rstrip().endswith("total"))
    return {"system calls": calls / REQUESTS}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True, help="the folder with panelgate and bench-tool, with symbols")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="panelgate-cost-") as folder:
        stage = Stage(os.path.join(asked.programs, "bench-tool"), folder, set(range(os.cpu_count())), 500, 2000)
        peer = peers.panelgate(stage, os.path.join(asked.programs, "panelgate"), 1)
        try:
            costs = {**strace(stage, peer), **callgrind(stage, peer)}
        finally:
            stage.group.stop()
    for name, cost in costs.items():
        print(f"{name} per small request: {cost:,.1f} (limit {LIMITS[name]:,})")
    return 1 if any(cost > LIMITS[name] for name, cost in costs.items()) else 0


if __name__ == "__main__":
    sys.exit(main())
