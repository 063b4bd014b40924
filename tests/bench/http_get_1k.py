"""GET of 1 KB over keep-alive connections: our HTTP front against nginx serving the same bytes, both loaded by wrk."""

import http.client
import re
import shutil
import subprocess
import time

from measure import free_ports, http_server, median, note, process, report, scratch

ROUNDS = 3
SECONDS = 4


def load(port, connections):
    """Requests per second that wrk got answered."""
    done = subprocess.run(["wrk", "-t2", f"-c{connections}", f"-d{SECONDS}s", f"http://127.0.0.1:{port}/1k"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", done.stdout)
    if wrong:
        note(wrong.group())
    return float(re.search(r"Requests/sec:\s*([\d.]+)", done.stdout).group(1))


def body(port):
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    asked.request("GET", "/1k")
    return asked.getresponse().read()


def nginx_config(folder, port):
    (folder / "www").mkdir()
    (folder / "www" / "1k").write_bytes(b"x" * 1024)
    (folder / "nginx.conf").write_text(f"""
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 2;
worker_rlimit_nofile 4096;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=10;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    server {{ listen 127.0.0.1:{port}; location / {{ root {folder}/www; }} }}
}}
""")
    return folder / "nginx.conf"


def wait_for(port):
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            return body(port)
        except ConnectionError:
            continue
    raise RuntimeError("nginx did not listen within 10 s")


def main():
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if not nginx:
        raise RuntimeError("nginx is missing: packaging/install-dependencies bench")
    with scratch() as folder, http_server() as (_, ours):
        (theirs,) = free_ports(1)
        folder.chmod(0o755)  # nginx's workers are another user
        with process([nginx, "-p", folder, "-c", nginx_config(folder, theirs)], stderr=subprocess.DEVNULL):
            if wait_for(theirs) != body(ours):
                raise RuntimeError("the two servers do not serve the same bytes")
            for connections in (64, 512):
                pairs = [(load(ours, connections), load(theirs, connections)) for _ in range(ROUNDS)]
                report(f"http_get_1k_{connections}", median(one for one, _ in pairs), "requests per second",
                       "nginx serving the same bytes", median(one for _, one in pairs), "at least 0.7")


if __name__ == "__main__":
    main()
