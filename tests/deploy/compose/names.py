"""Answers for a few names, as the network of a container does (127.0.0.11, RFC 1035).

Usage: names.py NAME=ADDRESS…
Says "ready" when it listens. Whatever else is asked for does not exist.
"""

import socket
import struct
import sys

known = dict(pair.split("=") for pair in sys.argv[1:])
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.11", 53))
print("ready", flush=True)
while True:
    question, person = server.recvfrom(4096)
    labels, place = [], 12
    while length := question[place]:
        labels.append(question[place + 1 : place + 1 + length].decode().lower())
        place += 1 + length
    asked = question[12 : place + 5]
    address = known.get(".".join(labels))
    is_address = struct.unpack("!H", question[place + 1 : place + 3])[0] == 1
    answer = b""
    if address and is_address:
        answer = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) + socket.inet_aton(address)
    # A name that exists without an address of that kind has an answer of nothing; others do not exist (3).
    flags = 0x8180 if address else 0x8183
    server.sendto(question[:2] + struct.pack("!HHHHH", flags, 1, 1 if answer else 0, 0, 0) + asked + answer, person)
