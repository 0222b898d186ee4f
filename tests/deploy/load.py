"""People who come again and again, each time over a new connection, to the console and a panel.

Usage: load.py CERTIFICATE COUNTER FROM-TO…
Each of them comes from an address and goes to an address.
Writes the number of answers to the file COUNTER as it goes. Ends when standard input does; says what failed and exits
with 1 if anything did.
"""

import os
import socket
import ssl
import sys
import threading

trust = ssl.create_default_context(cafile=sys.argv[1])
WAYS = [
    (*way.split("-"), port, name)
    for way in sys.argv[3:]
    for port, name in ((443, "connect.example.com"), (2087, "web1.connect.example.com"))
]
lock, done, failed, answered = threading.Lock(), threading.Event(), [], 0


def ask(source, address, port, name):
    with socket.create_connection((address, port), timeout=30, source_address=(source, 0)) as plain:
        with trust.wrap_socket(plain, server_hostname=name) as stream:
            host = name if port == 443 else f"{name}:{port}"
            stream.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while part := stream.recv(65536):
                answer += part
    status = answer.split(b" ", 2)[1:2]
    if status != [b"401"]:
        raise ValueError(f"answered {answer[:60]!r}")


def work(way):
    global answered
    while not done.is_set():
        try:
            ask(*way)
        except (OSError, ValueError) as error:
            with lock:
                failed.append(f"{way}: {error!r}")
        else:
            with lock:
                answered += 1
                with open(sys.argv[2] + ".new", "w") as counter:
                    counter.write(str(answered))
                os.replace(sys.argv[2] + ".new", sys.argv[2])


workers = [threading.Thread(target=work, args=(way,)) for way in WAYS]
for worker in workers:
    worker.start()
sys.stdin.read()
done.set()
for worker in workers:
    worker.join()
print(f"{answered} answered, {len(failed)} failed", *failed[:10], sep="\n")
sys.exit(1 if failed else 0)
