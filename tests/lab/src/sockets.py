"""Holds sockets as a service manager does (sd_listen_fds(3)), and keeps one program running on them.

Usage: sockets.py ADDRESS PORT,PORT… PROGRAM ARGUMENT…
The program is started again each time it ends with 0, until standard input ends. Prints its process ids.
"""

import os
import socket
import sys
import threading

address, ports, program = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
held = [socket.create_server((address, int(port)), backlog=4096) for port in ports]
child = None


def end_with_input():
    sys.stdin.read()
    if child:
        os.kill(child, 9)
    os._exit(0)


threading.Thread(target=end_with_input, daemon=True).start()
# They are handed over as 3, 4, …; here they stand where nothing is overwritten.
high = [os.dup2(one.fileno(), 100 + place) for place, one in enumerate(held)]
while True:
    child = os.fork()
    if child == 0:
        for place, one in enumerate(high):
            os.dup2(one, 3 + place, inheritable=True)
        os.closerange(3 + len(high), 200)
        os.environ.update(LISTEN_FDS=str(len(high)), LISTEN_PID=str(os.getpid()))
        os.execv(program[0], program)
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    if status != 0:
        sys.exit(f"the program ended with {os.waitstatus_to_exitcode(status)}")
