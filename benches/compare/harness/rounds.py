"""Takes the peers through the workloads, in turns."""

import hashlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

from . import openid
from .processes import Group
from .workloads import WORKLOADS

# A load that takes longer is stuck, in seconds.
PATIENCE = 120
# What h2load negotiates: as everybody else here.
OPENSSL = (
    "openssl_conf = d\n[d]\nssl_conf = s\n[s]\nsystem_default = x\n"
    "[x]\nCiphersuites = TLS_AES_128_GCM_SHA256\nGroups = X25519\nMinProtocol = TLSv1.3\n"
)


def canary():
    """A fixed piece of work in this process, in milliseconds of CPU."""
    block = b"x" * 65536
    begun = time.process_time_ns()
    for _ in range(600):
        block = hashlib.sha256(block).digest() * 2048
    return (time.process_time_ns() - begun) / 1e6


class Rounds:
    """The peers, running."""

    def __init__(self, stage, peers, front, scale):
        self.stage = stage
        self.peers = peers
        self.front = front
        self.scale = scale
        self.groups = {}
        self.environment = {"OPENSSL_CONF": stage.write("openssl.cnf", OPENSSL)}
        with open(stage.path("upload"), "wb") as file:
            file.truncate(max(workload.sends for workload in WORKLOADS.values()))

    def start_all(self):
        """Starts every peer."""
        for peer in self.peers:
            self.start(peer)

    def start(self, peer):
        """Starts a peer, or starts it anew, and makes sure that it does what it is there for."""
        if peer.name in self.groups:
            self.groups.pop(peer.name).stop(peer.stop)
        group = self.groups[peer.name] = Group(peer.name)
        log = self.stage.path(f"{peer.name}.out")
        for command in [*peer.beside, peer.command]:
            group.start(command, self.front, log, peer.environment)
        self.await_port(peer)
        if peer.metrics and self.stage.watched:
            self.await_rest(peer)
        if peer.sign_in:
            peer.sign_in(peer)
        path = f"{peer.prefix}/b/1024"
        headers = dict(line.split(": ", 1) for line in peer.headers)
        authority = self.stage.path("authority.pem")
        status, _, body = openid.ask(peer.name_and_port, peer.address, path, authority, headers)
        if status != 200 or len(body) != 1024:
            raise RuntimeError(f"{peer.name} answers {status}: {body[:200]!r}")
        headers.pop("Cookie")
        if peer.checks and openid.ask(peer.name_and_port, peer.address, path, authority, headers)[0] == 200:
            raise RuntimeError(f"{peer.name} lets in who is not signed in")

    @staticmethod
    def await_port(peer):
        deadline = time.monotonic() + 30
        for address in filter(None, [peer.address, peer.plain]):
            while True:
                try:
                    socket.create_connection(address, 1).close()
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise RuntimeError(f"{peer.name} does not start") from None
                    time.sleep(0.02)

    def await_rest(self, peer):
        """Waits until Panelgate has looked at all servers for the first time."""
        deadline = time.monotonic() + PATIENCE
        while True:
            connection = http.client.HTTPConnection(*peer.metrics, timeout=10)
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
            connection.close()
            if text.count("\npanelgate_server_seen_seconds{") == self.stage.watched:
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"{peer.name} does not look at all servers")
            time.sleep(0.5)

    def measure(self, peer, workload):
        """One workload through one peer."""
        count = str(max(1, int(workload.count * (1 if workload.memory else self.scale))))
        arguments = [part.format(n=count) for part in workload.load]
        if workload.memory:
            peer.crowd = workload.crowd
            self.start(peer)
        if workload.with_h2load:
            return self.h2load(peer, workload, arguments, int(count))
        return self.load(peer, workload, arguments)

    def load(self, peer, workload, arguments):
        address = peer.plain if workload.plain else peer.address
        command = [self.stage.tool, "load", "--address", "%s:%d" % address, "--name", peer.host,
                   "--authority", self.stage.path("authority.pem"), "--prefix", peer.prefix]
        headers = [*peer.headers, *(peer.forwarded if workload.plain else [])]
        command += [part for line in headers for part in ("--header", line)]
        command += [part for person in peer.people for part in ("--person", person)]
        command += ["--plain"] if workload.plain else []
        group, load = self.groups[peer.name], Group("load")
        process = load.start(command + arguments, self.stage.cores, self.stage.path("load.log"),
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        try:
            if process.stdout.readline().strip() != "READY":
                raise RuntimeError(f"the load did not get ready: {self.last_words()}")
            cpu, memory = group.cpu(), group.memory() if workload.memory else 0
            process.stdin.write("go\n")
            process.stdin.flush()
            line = process.stdout.readline()
            cpu = group.cpu() - cpu
            if not line:
                raise RuntimeError(f"the load failed: {self.last_words()}")
            result = {**json.loads(line), "cpu_ns": cpu}
            if workload.memory:
                # Allocators give back what they do not need within a moment.
                time.sleep(1.5)
                result["bytes_each"] = (group.memory() - memory) / result["n"]
                result["bytes_before"] = memory
            process.stdin.write("end\n")
            process.stdin.flush()
            return result
        finally:
            watchdog.cancel()
            load.stop(signal.SIGKILL)

    def last_words(self):
        with open(self.stage.path("load.log")) as log:
            return log.read()[-300:].strip()

    def h2load(self, peer, workload, arguments, count):
        *options, path = arguments
        sent = ["-d", self.stage.path("upload")] if workload.sends else []

        def command(requests):
            headers = [part for line in peer.headers for part in ("-H", line)]
            return ["h2load", "-n", str(requests), *options, *sent, *headers, "--connect-to=%s:%d" % peer.address,
                    "--tls13-ciphers=TLS_AES_128_GCM_SHA256", "--groups=X25519", "-H", "accept-language: en-US,en;q=0.5",
                    f"https://{peer.name_and_port}{peer.prefix}{path}"]

        # Fills the pools, as the warm-up of the other loads does.
        self.run_h2load(command(max(64, count // 16) if not workload.sends else 2))
        group = self.groups[peer.name]
        cpu, begun = group.cpu(), time.monotonic()
        output = self.run_h2load(command(count))
        cpu, took = group.cpu() - cpu, time.monotonic() - begun
        succeeded = re.search(r"status codes: (\d+) 2xx", output)
        if not succeeded or int(succeeded.group(1)) != count or "Application protocol: h2" not in output:
            raise RuntimeError(f"h2load: {output[-400:]}")
        return {"n": count, "secs": took, "cpu_ns": cpu}

    def run_h2load(self, command):
        load = Group("load")
        process = load.start(command, self.stage.cores, self.stage.path("load.log"), self.environment,
                             stdout=subprocess.PIPE, text=True)
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        try:
            return process.communicate()[0]
        finally:
            watchdog.cancel()
            load.stop(signal.SIGKILL)

    def run(self, run, names, rounds, memory_rounds, keep):
        """All rounds; every other one goes through the peers backwards."""
        for number in range(rounds):
            for name in names:
                workload = WORKLOADS[name]
                if workload.memory and number >= memory_rounds:
                    continue
                run["canary_ms"].append(canary())
                for peer in self.peers if number % 2 == 0 else reversed(self.peers):
                    if name in peer.skips:
                        continue
                    try:
                        result = self.measure(peer, workload)
                        run["results"].setdefault(name, {}).setdefault(peer.name, []).append({**result, "round": number})
                    except (RuntimeError, OSError, ValueError) as problem:
                        run["problems"].append(f"{name}, {peer.name}, round {number}: {problem}")
                        self.start(peer)
                print(f"round {number + 1} of {rounds}: {name} done (load {os.getloadavg()[0]:.1f})", flush=True)
                keep()

    def stop(self):
        """Ends all peers."""
        for peer in self.peers:
            if peer.name in self.groups:
                self.groups.pop(peer.name).stop(peer.stop)
