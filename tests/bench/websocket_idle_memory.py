"""Resident memory of the server for each idle WebSocket connection, plain and TLS; clients in processes of their own."""

import base64
import os
import socket
import ssl
import subprocess
import sys

from measure import certificate, http_server, note, report, resident_bytes, scratch

CONNECTIONS = 19_000
CLIENTS = 2  # one process may open 20,000 files
REQUEST = ("GET /socket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n")
TODAY_KB, AIM_KB = {"plain": 5.7, "tls": 70}, {"plain": 4, "tls": 40}


def client(port, count, chain):
    """Opens connections, says so, and holds them until standard input ends."""
    context = None
    if chain:
        context = ssl.create_default_context(cafile=chain)
        context.check_hostname = False
    request = REQUEST.format(key=base64.b64encode(os.urandom(16)).decode()).encode()
    held = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        if context:
            connection = context.wrap_socket(connection)
        connection.sendall(request)
        answer = connection.recv(1024)
        if not answer.startswith(b"HTTP/1.1 101 "):
            sys.exit(f"no upgrade: {answer[:200]!r}")
        held.append(connection)
    print("open", flush=True)
    sys.stdin.read()


def measure(chain, key):
    with http_server(*([chain, key] if chain else [])) as (server, port):
        arguments = [sys.executable, __file__, "client", port, CONNECTIONS // CLIENTS, chain or ""]

        def run_clients(count_each):
            arguments[4] = count_each
            clients = [subprocess.Popen([str(word) for word in arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True) for _ in range(CLIENTS)]
            for one in clients:
                if one.stdout.readline() != "open\n":
                    raise RuntimeError("a client could not open its connections")
            return clients

        def leave(clients):
            for one in clients:
                one.stdin.close()
                one.wait(timeout=60)

        leave(run_clients(50))  # what the first connections bring in (code, arenas) is not theirs
        before = resident_bytes(server.pid)
        clients = run_clients(CONNECTIONS // CLIENTS)
        after = resident_bytes(server.pid)
        leave(clients)
        return (after - before) / CONNECTIONS / 1000


def main():
    with scratch() as folder:
        chain, key = certificate(folder)
        for kind, tls in (("plain", (None, None)), ("tls", (chain, key))):
            kilobytes = measure(*tls)
            note(f"{kind}: {kilobytes:.2f} kB")
            report(f"websocket_idle_memory_{kind}", kilobytes, f"kB per idle connection, {CONNECTIONS} of them",
                   f"plain Beast session, {TODAY_KB[kind]} kB; the limit is the aim", AIM_KB[kind], "at most 1")


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "client":
        client(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        main()
