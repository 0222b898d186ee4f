"""Everything around the proxies: what `bench-tool stage` sets up and tells."""

import json
import os
import subprocess

from .processes import Group


class Stage:
    """The server behind the proxies, the certificates, and the way into a panel through Panelgate."""

    def __init__(self, tool, folder, cores, servers, rules, watch=10, more=()):
        self.tool = tool
        # That Panelgate looks at, if it does.
        self.watched = servers if watch else 0
        self.folder = folder
        self.cores = cores
        self.group = Group("stage")
        self.process = self.group.start(
            [tool, "stage", "--folder", folder, "--servers", str(servers), "--rules", str(rules),
             "--watch-minutes", str(watch), *more],
            cores, self.path("stage.log"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        places = self.told()
        self.upstream = places["upstream"]
        self.gateway = places["gateway"]
        # A second Panelgate, which is reached through a balancer.
        self.balanced = places["balanced"]
        self.balancer = places["balancer"]
        # Two that share a database, and its process, where they were asked for.
        self.replicas, self.database = places["replicas"], places["database"]

    def path(self, name):
        """A file in the run's folder."""
        return os.path.join(self.folder, name)

    def write(self, name, text):
        """Writes a file into the run's folder and gives its path."""
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def told(self):
        """The next thing that the stage has to say."""
        line = self.process.stdout.readline()
        if not line:
            with open(self.path("stage.log")) as log:
                raise RuntimeError(f"the stage broke off: {log.read()[-2000:]}")
        return json.loads(line)

    def ask(self, wish):
        """The answer to a line that the stage understands."""
        self.process.stdin.write(f"{wish}\n")
        self.process.stdin.flush()
        return self.told()

    def open(self, address):
        """Signs in at the Panelgate or balancer that listens here, and opens a panel: its host, path prefix and
        cookie."""
        return self.ask(address)
