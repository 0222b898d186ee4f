"""What one small request costs Panelgate, counted and not timed: nearly the same on every machine.

    python3 -m harness.cost --programs ../../target/released/symbols

Instructions in user space, allocations and the code that is gone through are counted by callgrind, system calls by
strace, through a gateway with everything on. All but the code are the difference between a long and a short run, so
that what does not belong to requests does not count. Instructions of SHA-256 (the cookie's digest, and the chain of
audit records) are told apart: valgrind does not know the instructions that processors have for it, with which it
costs a tenth. The watch over the servers is off: what it does is no part of a request. Beside each work stands what a
bare proxy of the same libraries costs, and one that looks up a session and writes a line besides. Ends with 1 when
something costs more than `budgets.json` allows.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from . import openid
from . import peers
from . import report
from .processes import Group
from .stage import Stage

# Requests of the short and the long run.
SHORT, LONG = 500, 2500
# Requests under way at once.
AT_ONCE = 8
WORKS = {
    "A": "HTTP/1.1, TLS on both sides",
    "AP": "HTTP/1.1, plain from a balancer",
    "B": "HTTP/2, TLS on both sides",
}
# Where every allocation of ours passes through.
ALLOCATORS = re.compile(r"__rust_(alloc|alloc_zeroed|realloc)$|__rustc\[[0-9a-f]+\]::__rust_(alloc|alloc_zeroed|realloc)$")
# Where Rust's allocator calls are inlined away, what they call: the system's, or another one's.
BELOW = re.compile(r"^(_rjem_(malloc|mallocx|calloc|realloc|rallocx)|mi_(malloc|malloc_aligned|zalloc|zalloc_aligned|realloc|realloc_aligned)|malloc|calloc|realloc|posix_memalign|aligned_alloc)$")
# Spans in which a gateway comes to rest.
LOOKS = 20
# The first port of a proxy that is no Panelgate.
BASE = 21000
# A gateway under callgrind is slow to start and to stop, in seconds.
PATIENCE = 180


class Gateway:
    """Panelgate under a tool, with a panel open, or another proxy."""

    def __init__(self, stage, peer, before=()):
        self.stage, self.peer = stage, peer
        self.group = Group("panelgate")
        for beside in peer.beside:
            self.group.start(beside, set(range(os.cpu_count())), stage.path("beside.out"))
        self.process = self.group.start([*before, *peer.command], set(range(os.cpu_count())),
                                        stage.path("panelgate.out"), peer.environment)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                status = openid.ask(peer.host, peer.address, "/", stage.path("authority.pem"), {})[0]
                if status != 503:
                    break
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise RuntimeError("the gateway does not start")
            time.sleep(0.1)
        if peer.sign_in:
            peer.sign_in(peer)

    def run(self, work, requests):
        """Small requests, `AT_ONCE` of them at a time."""
        if work == "B":
            headers = [part for line in self.peer.headers for part in ("-H", line)]
            command = ["h2load", "-n", str(requests), "-c", "1", "-m", str(AT_ONCE), *headers,
                       "--connect-to=%s:%d" % self.peer.address, "--tls13-ciphers=TLS_AES_128_GCM_SHA256",
                       "--groups=X25519", "-H", "accept-language: en-US,en;q=0.5",
                       f"https://{self.peer.name_and_port}{self.peer.prefix}/b/1024"]
            output = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
            if f"status codes: {requests} 2xx" not in output:
                raise RuntimeError(f"h2load: {output[-400:]}")
            return
        plain = work == "AP"
        address = self.peer.plain if plain else self.peer.address
        lines = [*self.peer.headers, *(self.peer.forwarded if plain else [])]
        command = [self.stage.tool, "load", "--address", "%s:%d" % address, "--name", self.peer.host,
                   "--authority", self.stage.path("authority.pem"), "--prefix", self.peer.prefix,
                   *(["--plain"] if plain else [])]
        command += [part for line in lines for part in ("--header", line)]
        command += ["requests", "--path", "/b/1024", "--connections", str(AT_ONCE), "--requests", str(requests),
                    "--expect", "1024"]
        load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            if load.stdout.readline().strip() != "READY":
                raise RuntimeError("the load did not get ready")
            load.stdin.write("go\n")
            load.stdin.flush()
            if not load.stdout.readline():
                raise RuntimeError("the load failed")
        finally:
            load.kill()
            load.wait()

    def end(self):
        self.group.stop(signal.SIGTERM)


def difference(short, long):
    return {name: (long[name] - short[name]) / (LONG - SHORT) for name in long}


def named(text, names):
    """What a line names: callgrind says a name once, and its number from then on."""
    number, name = re.match(r"(?:\((\d+)\))?\s*(.*)", text.rstrip("\n")).groups()
    if number and name:
        names[number] = name
    return name or names.get(number, "")


def read(path):
    """Instructions and allocations of one of callgrind's files."""
    allocations, below, called, hashing = 0, 0, "", 0
    names, current, is_call = {}, "", False
    with open(path) as file:
        for line in file:
            if line.startswith("cfn="):
                called = named(line[len("cfn="):], names)
            elif line.startswith("fn="):
                current = named(line[len("fn="):], names)
            elif line.startswith("calls="):
                calls = int(line[6:].split()[0])
                plain = called.split("'")[0]
                allocations += calls if ALLOCATORS.search(plain) else 0
                below += calls if BELOW.search(plain) else 0
                is_call = True
            elif line.startswith(("summary:", "totals:")):
                total = int(line.split()[1])
            elif line[:1] in "0123456789+-*" and line.strip():
                # The line after a call has what was done in there, which is counted there.
                hashing += int(line.split()[-1]) if not is_call and "sha256_block" in current else 0
                is_call = False
    return {"instructions": total - hashing, "of SHA-256 besides": hashing, "allocations": max(allocations, below)}


def touched(path, requests):
    """KiB of code that most requests go through, in the 64 bytes at a time that a processor's cache takes. One of 32
    KiB that has to take more of it for each request than it holds waits for the next one."""
    times, objects, where, is_call = {}, {}, "", False
    with open(path) as file:
        for line in file:
            if line.startswith("ob="):
                where = named(line[len("ob="):], objects)
            elif line.startswith("calls="):
                is_call = True
            elif line.startswith("0x"):
                if not is_call:
                    fields = line.split()
                    place = (where, int(fields[0], 16) // 64)
                    times[place] = max(times.get(place, 0), int(fields[-1]))
                is_call = False
    return sum(count > requests / 2 for count in times.values()) * 64 / 1024


def callgrind(stage, peer, work, keep, prepare=None, idle=0):
    """Instructions and allocations for one request. What `prepare` does with the running gateway does not count.

    With `idle` seconds, what the gateway does by itself is counted for so long first, and is taken off for the time
    that the requests took: under callgrind they take fifty times as long, and it does what it does by the clock."""
    out = stage.path(f"callgrind-{work}")
    gateway = Gateway(stage, peer, ["valgrind", "--tool=callgrind", "--dump-instr=yes", "--compress-pos=no",
                                    f"--callgrind-out-file={out}"])

    def control(what):
        subprocess.run(["callgrind_control", what, str(gateway.process.pid)], check=True, stdout=subprocess.DEVNULL)

    try:
        if prepare:
            prepare()
        # Fills the pools.
        gateway.run(work, SHORT)
        counts, took, dumps = [], [], 0

        def counted(requests):
            nonlocal dumps
            control("--zero")
            begun = time.monotonic()
            gateway.run(work, requests) if requests else time.sleep(idle)
            seconds = time.monotonic() - begun
            control("--dump")
            dumps += 1
            return read(f"{out}.{dumps}"), seconds

        if idle:
            come_to_rest(gateway, idle)
        for requests in [*([0] if idle else []), SHORT, LONG]:
            count, seconds = counted(requests)
            counts.append(count)
            took.append(seconds)
    finally:
        gateway.end()
    code = touched(f"{out}.{dumps}", LONG)
    if keep:
        os.makedirs(keep, exist_ok=True)
        shutil.move(f"{out}.{dumps}", os.path.join(keep, f"callgrind.{work}"))
    found = {**difference(*counts[-2:]), "KiB of code": code}
    if idle:
        for name in ("instructions", "allocations"):
            found[f"{name} a second"] = counts[0][name] / took[0]
            found[name] -= found[f"{name} a second"] * (took[-1] - took[-2]) / (LONG - SHORT)
    return found


def come_to_rest(gateway, span):
    """Waits until a gateway has a span in which it is idle for most of the time: it reads a large company's
    configuration once more when it has started, for which it takes minutes under callgrind."""
    for _ in range(LOOKS):
        before = gateway.group.cpu()
        time.sleep(span)
        if gateway.group.cpu() - before < span * 1e9 / 2:
            return
    raise RuntimeError("the gateway does not come to rest")


def strace(stage, peer, work):
    """System calls for one request."""
    gateway = Gateway(stage, peer)

    def traced(requests):
        summary = stage.path("strace.out")
        tracer = subprocess.Popen(["strace", "-f", "-c", "-U", "calls,name", "-o", summary, "-p", str(gateway.process.pid)],
                                  stderr=subprocess.PIPE, text=True)
        # It says so when it is there.
        tracer.stderr.readline()
        gateway.run(work, requests)
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        with open(summary) as file:
            rows = [line.split() for line in file]
        return {row[1]: int(row[0]) for row in rows if len(row) == 2 and row[0].isdigit() and row[1] != "total"}

    try:
        gateway.run(work, SHORT)
        short, long = traced(SHORT), traced(LONG)
    finally:
        gateway.end()
    calls = {name: (long[name] - short.get(name, 0)) / (LONG - SHORT) for name in long}
    most = sorted(calls.items(), key=lambda call: -call[1])[:8]
    print(f"{work}: " + ", ".join(f"{name} {count:.2f}" for name, count in most), flush=True)
    return {"system calls": sum(calls.values())}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True, help="the folder with panelgate and bench-tool, with symbols")
    parser.add_argument("--works", default=",".join(WORKS), help="letters, between commas")
    parser.add_argument("--servers", type=int, default=500, help="in the directory")
    parser.add_argument("--rules", type=int, default=2000, help="in the directory")
    parser.add_argument("--keep", help="a folder for callgrind's files, to be looked at with callgrind_annotate")
    report.options(parser)
    asked = parser.parse_args()
    with open(os.path.join(os.path.dirname(__file__), "..", "budgets.json")) as file:
        budgets = json.load(file)
    program, costs = os.path.join(asked.programs, "panelgate"), {}
    with tempfile.TemporaryDirectory(prefix="panelgate-cost-") as folder:
        os.chmod(folder, 0o755)
        tool = os.path.join(asked.programs, "bench-tool")
        stage = Stage(tool, folder, set(range(os.cpu_count())), asked.servers, asked.rules, watch=0)
        try:
            for work in asked.works.split(","):
                make = peers.balanced if work == "AP" else peers.panelgate
                costs[work] = {**callgrind(stage, make(stage, program, 1), work, asked.keep),
                               **strace(stage, make(stage, program, 1), work)}
                for floor in (peers.bare(stage, BASE), peers.checked(stage, BASE)):
                    costs[f"{work} {floor.name}"] = {**callgrind(stage, floor, work, None),
                                                     **strace(stage, floor, work)}
        finally:
            stage.group.stop()
    columns = list(next(iter(costs.values())))
    lines = ["| one small request | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    exceeded = []
    for work, cost in costs.items():
        what = f"{work} {WORKS.get(work, '')}".strip()
        lines.append(f"| {what} | " + " | ".join(f"{count:,.1f}" for count in cost.values()) + " |")
        for name, most in budgets.get(work, {}).items():
            if cost[name] > most:
                exceeded.append(f"{work}: {cost[name]:,.1f} {name} are more than the {most:,} of budgets.json")
    report.tell(asked, "cost", lines, costs)
    print("\n".join(["", *exceeded]) if exceeded else "\nall within budgets.json")
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
