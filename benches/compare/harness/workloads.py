"""The works that proxies are compared on, and what one unit of each costs."""

import dataclasses

UPLOAD = 64 << 20
FILE = 16 << 20


@dataclasses.dataclass(frozen=True)
class Workload:
    """One kind of work."""

    what: str
    unit: str
    # Of a result: the figure that is compared.
    figure: object
    # Arguments of `bench-tool load`, or of h2load; `{n}` is the count, scaled.
    load: tuple
    count: int
    with_h2load: bool = False
    plain: bool = False
    # Needs a fresh process, and is as good after one round as after many.
    memory: bool = False
    # Bytes that h2load sends with each request.
    sends: int = 0
    # People beside the first one, where one person may not have that many connections.
    crowd: int = 0


def microseconds(result):
    return result["cpu_ns"] / result["n"] / 1e3


def seconds_per_gib(size):
    return lambda result: result["cpu_ns"] / 1e9 / (result["n"] * size / (1 << 30))


def kib(result):
    return result["bytes_each"] / 1024


def requests(size, connections, more=()):
    return ("requests", "--path", f"/b/{size}", "--connections", str(connections), "--requests", "{n}",
            "--expect", str(size), *more)


WORKLOADS = {
    "A": Workload("small GET, HTTP/1.1, TLS on both sides", "µs/request", microseconds, requests(1024, 64), 16000),
    "AP": Workload("the same, plain HTTP from a balancer", "µs/request", microseconds, requests(1024, 64), 16000, plain=True),
    "B": Workload("small GET, HTTP/2, 64 connections of 8 streams", "µs/request", microseconds,
                  ("-c", "64", "-m", "8", "/b/1024"), 24000, with_h2load=True),
    "C": Workload("64 KiB", "µs/request", microseconds, requests(65536, 32), 5000),
    "D": Workload("16 MiB download, HTTP/1.1", "CPU s/GiB", seconds_per_gib(FILE), requests(FILE, 4, ("--warmup", "1")), 24),
    "D2": Workload("16 MiB download, HTTP/2", "CPU s/GiB", seconds_per_gib(FILE),
                   ("-c", "2", "-m", "2", "-w", "23", "-W", "23", f"/b/{FILE}"), 16, with_h2load=True),
    "E": Workload("64 MiB upload, HTTP/1.1", "CPU s/GiB", seconds_per_gib(UPLOAD),
                  ("requests", "--path", "/sink", "--connections", "2", "--requests", "{n}", "--upload", str(UPLOAD),
                   "--warmup", "1"), 6),
    "E2": Workload("16 MiB upload, HTTP/2", "CPU s/GiB", seconds_per_gib(FILE), ("-c", "2", "-m", "2", "/sink"), 12,
                   with_h2load=True, sends=FILE),
    "F": Workload("new TLS 1.3 connection, full handshake, one GET", "µs/connection", microseconds,
                  ("handshakes", "--path", "/b/128", "--connections", "16", "--requests", "{n}"), 1200),
    "FR": Workload("the same, resumed", "µs/connection", microseconds,
                   ("handshakes", "--path", "/b/128", "--connections", "16", "--requests", "{n}", "--resume"), 1200),
    "H": Workload("WebSocket echo, 100 bytes", "µs/message pair", microseconds,
                  ("echo", "--connections", "64", "--messages", "{n}"), 20000),
    "S": Workload("server-sent events, 100 connections", "µs/event", microseconds,
                  ("events", "--connections", "100", "--events", "{n}", "--milliseconds", "10"), 150),
    "G": Workload("idle WebSocket", "KiB/connection", kib, ("idle", "--websockets", "--connections", "{n}"), 2000, memory=True,
                  crowd=10),
    "GK": Workload("idle keep-alive connection", "KiB/connection", kib, ("idle", "--connections", "{n}"), 2000, memory=True),
    "I": Workload("300 requests in a second", "µs/request", microseconds,
                  ("rate", "--path", "/b/1024", "--connections", "8", "--rate", "300", "--seconds", "{n}"), 8),
}
