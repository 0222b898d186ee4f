"""Processes whose CPU time and memory are measured together."""

import os
import resource
import signal
import subprocess
import time

CPUACCT = "/sys/fs/cgroup/cpuacct"
PATIENCE = 10


class Group:
    """Processes that belong together. Their CPU time comes from a cpuacct control group where there is one
    (nanoseconds, ended children included), else from the scheduler's figures of all their threads."""

    def __init__(self, name):
        self.name = name
        self.started = []
        self.control = None
        path = os.path.join(CPUACCT, f"panelgate-{os.getpid()}-{name}")
        try:
            os.makedirs(path, exist_ok=True)
            self.control = path
        except OSError:
            pass

    def start(self, command, cores, log, environment=None, **pipes):
        """Starts a command on these cores, with as many open files as it may have."""

        def prepare():
            if self.control:
                with open(os.path.join(self.control, "cgroup.procs"), "w") as file:
                    file.write("0")
            os.sched_setaffinity(0, cores)
            most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            os.setpgid(0, 0)

        with open(log, "ab") as output:
            pipes.setdefault("stdin", subprocess.DEVNULL)
            pipes.setdefault("stdout", output)
            process = subprocess.Popen(
                command, env={**os.environ, **(environment or {})}, preexec_fn=prepare, stderr=output, **pipes
            )
        self.started.append(process)
        return process

    def ids(self):
        """The processes that live, children included."""
        if self.control:
            with open(os.path.join(self.control, "cgroup.procs")) as file:
                return [int(line) for line in file]
        children = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/stat") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry))
        found, todo = [], [process.pid for process in self.started if process.poll() is None]
        while todo:
            found.append(todo.pop())
            todo += children.get(found[-1], [])
        return found

    def cpu(self):
        """CPU time so far, in nanoseconds."""
        if self.control:
            with open(os.path.join(self.control, "cpuacct.usage")) as file:
                return int(file.read())
        total = 0
        for process in self.ids():
            try:
                for thread in os.listdir(f"/proc/{process}/task"):
                    with open(f"/proc/{process}/task/{thread}/schedstat") as file:
                        total += int(file.read().split()[0])
            except OSError:
                continue
        return total

    def memory(self):
        """Memory of its own and its share of what is shared (PSS), in bytes."""
        total = 0
        for process in self.ids():
            try:
                with open(f"/proc/{process}/smaps_rollup") as file:
                    total += sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
            except OSError:
                continue
        return total

    def stop(self, how=signal.SIGTERM):
        """Ends what was started here, and nothing else."""
        for process in self.started:
            if process.poll() is None:
                process.send_signal(how)
        deadline = time.monotonic() + PATIENCE
        for process in self.started:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.started = []
        if self.control:
            for process in self.ids():
                os.kill(process, signal.SIGKILL)
            while self.ids():
                time.sleep(0.01)
            os.rmdir(self.control)
            self.control = None
