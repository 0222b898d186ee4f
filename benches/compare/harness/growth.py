"""Whether a request costs more in a larger company: instructions, counted as `cost` counts them.

    benches/compare/growth --write docs/performance.md --plot docs/images/growth.svg

One of three sizes is varied at a time: servers, access rules, people signed in. Nothing of it depends on the machine.
"""

import argparse
import http.client
import os
import signal
import socket
import ssl
import sys
import tempfile

from . import cost
from . import peers
from . import plot
from . import report
from .stage import Stage

SIZES = (1, 100, 10_000)
# Seconds in which what the gateway does by itself is counted: a few rounds of all of it.
IDLE = 10
# Instructions a second that a gateway may do by itself. Beyond that, what belongs to requests cannot be told apart by
# the clock, and there is no figure.
MOST_BY_ITSELF = 10_000_000
# What the other two are while one is varied.
USUAL = {"servers": 100, "rules": 100, "people": 1}
COLOURS = {"servers": "#0b6f66", "rules": "#8a4b00", "people": "#3b5bdb"}


def wake(peer, authority, cookies):
    """Uses every session once, so that all are in the gateway's memory."""
    context = ssl.create_default_context(cafile=authority)
    address = (peer.address[0], 443)
    connection = http.client.HTTPSConnection("connect.example.com", context=context)
    connection.sock = context.wrap_socket(socket.create_connection(address), server_hostname="connect.example.com")
    for cookie in cookies:
        headers = {"Cookie": f"__Host-panelgate-session={cookie}",
                   **dict(line.split(": ", 1) for line in peers.METADATA)}
        connection.request("GET", "/api/session", headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 204:
            raise RuntimeError(f"a session is not known: {answer.status}")
    connection.close()


def measure(asked, sizes):
    """Instructions of one small request in a company of these sizes."""
    with tempfile.TemporaryDirectory(prefix="panelgate-growth-") as folder:
        tool = os.path.join(asked.programs, "bench-tool")
        stage = Stage(tool, folder, set(range(os.cpu_count())), sizes["servers"], sizes["rules"], watch=0)
        try:
            peer = peers.panelgate(stage, os.path.join(asked.programs, "panelgate"), 1)
            cookies = []
            if sizes["people"] > 1:
                # They sign in at the gateway as it is; their sessions lie in its store when it starts under callgrind.
                gateway = cost.Gateway(stage, peer)
                cookies = stage.ask(f"{peer.address[0]} {sizes['people'] - 1} 0")["consoles"]
                gateway.end()
            counted = cost.callgrind(stage, peer, "A", None, lambda: wake(peer, stage.path("authority.pem"), cookies), IDLE)
            return counted["instructions"], counted["allocations"], counted["instructions a second"]
        finally:
            stage.group.stop(signal.SIGTERM)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True, help="the folder with panelgate and bench-tool, with symbols")
    parser.add_argument("--of", default=",".join(USUAL), help="what is varied, between commas")
    report.options(parser)
    parser.add_argument("--plot", help="a file for the plot, in SVG")
    asked = parser.parse_args()
    known, found = {}, {}
    for what in asked.of.split(","):
        for size in SIZES:
            sizes = {**USUAL, what: size}
            key = tuple(sizes.values())
            if key not in known:
                known[key] = measure(asked, sizes)
                print(", ".join(f"{count:,} {name}" for name, count in sizes.items()),
                      "->", f"{known[key][0]:,.0f} instructions, {known[key][1]:.1f} allocations; by itself",
                      f"{known[key][2]:,.0f} instructions a second", flush=True)
            found.setdefault(what, []).append(known[key])
    lines = ["| instructions of one small request | " + " | ".join(f"{size:,}" for size in SIZES) + " | from first to last | by itself in a second, at the last |",
             "|---|" + "---|" * (len(SIZES) + 2)]
    for what, counted in found.items():
        fixed = " and ".join(f"{count:,} {name}" for name, count in USUAL.items() if name != what)
        figures = [row[0] if row[2] <= MOST_BY_ITSELF else None for row in counted]
        cells = " | ".join("–" if figure is None else f"{figure:,.0f}" for figure in figures)
        change = "–" if None in figures else f"{100 * (figures[-1] / figures[0] - 1):+.1f} %"
        lines.append(f"| {what}, beside {fixed} | {cells} | {change} | {counted[-1][2]:,.0f} |")
    report.tell(asked, "growth", lines, {what: [row[0] for row in counted] for what, counted in found.items()})
    if asked.plot:
        series = {what: (COLOURS[what], [row[0] for row in counted if row[2] <= MOST_BY_ITSELF]) for what, counted in found.items()}
        with open(asked.plot, "w") as file:
            file.write(plot.lines("instructions of one small request", SIZES, series))
    return 0


if __name__ == "__main__":
    sys.exit(main())
