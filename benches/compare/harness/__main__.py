"""The command: `python3 -m harness`, from the folder above. See README.md there."""

import argparse
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time

from . import peers
from . import report
from .rounds import Rounds
from .stage import Stage
from .workloads import WORKLOADS


def arguments():
    parser = argparse.ArgumentParser(description=sys.modules["harness"].__doc__)
    parser.add_argument("--programs", required=True, help="the folder with panelgate and bench-tool")
    parser.add_argument("--peers", default="", help="names, between commas (default: all that are installed)")
    parser.add_argument("--workloads", default=",".join(WORKLOADS), help="letters, between commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory-rounds", type=int, default=2)
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the counts")
    parser.add_argument("--cores", type=int, default=1, help="workers of each peer; more than one are not pinned")
    parser.add_argument("--servers", type=int, default=500, help="in Panelgate's directory")
    parser.add_argument("--rules", type=int, default=2000, help="in Panelgate's directory")
    parser.add_argument("--reference", default="nginx")
    parser.add_argument("--base", type=int, default=21000, help="the first port of the peers")
    parser.add_argument("--out", default="compare", help="writes NAME.json and NAME.md")
    parser.add_argument("--write", action="append", default=[], metavar="PAGE",
                        help="a page that has marks for the table or its excerpt, such as docs/performance.md, README.md")
    return parser.parse_args()


def main():
    asked = arguments()
    # Those that it may use: a release is built in containers too.
    cores = os.sched_getaffinity(0)
    pinned = asked.cores == 1 and len(cores) > 1
    front, back = ({min(cores)}, cores - {min(cores)}) if pinned else (cores, cores)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="panelgate-compare-") as folder:
        # Apache's workers read the certificate as another user.
        os.chmod(folder, 0o755)
        stage = Stage(os.path.join(asked.programs, "bench-tool"), folder, back, asked.servers, asked.rules)
        found = [*peers.others(stage, asked.cores, asked.base)]
        if asked.cores == 1:
            found += [peers.bare(stage, asked.base), peers.checked(stage, asked.base)]
        found.append(peers.panelgate(stage, os.path.join(asked.programs, "panelgate"), asked.cores))
        if shutil.which("haproxy"):
            found.append(peers.balanced(stage, os.path.join(asked.programs, "panelgate"), asked.cores))
        wanted = asked.peers.split(",") if asked.peers else [peer.name for peer in found]
        run = {
            "when": time.strftime("%Y-%m-%d"), "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "rounds": asked.rounds, "cores": asked.cores, "reference": asked.reference, "pinned": pinned,
            "peers": {peer.name: peer.note for peer in found if peer.name in wanted},
            "results": {}, "canary_ms": [], "problems": [],
        }

        def keep():
            with open(f"{asked.out}.json", "w") as file:
                json.dump(run, file, indent=1)
            with open(f"{asked.out}.md", "w") as file:
                file.write(report.table(run))

        rounds = Rounds(stage, [peer for peer in found if peer.name in wanted], front, asked.scale)
        try:
            rounds.start_all()
            rounds.run(run, asked.workloads.split(","), asked.rounds, asked.memory_rounds, keep)
            print(report.table(run))
            name = "compare" if asked.cores == 1 else f"compare-{asked.cores}"
            for page in asked.write:
                report.write_either(page, {name: report.table(run), f"{name}-excerpt": report.excerpt(run)})
        finally:
            rounds.stop()
            stage.group.stop(signal.SIGTERM)
        return 1 if run["problems"] else 0


sys.exit(main())
