"""The other end of an agent's wire: an agent server with one agent, whose every move is the test's.

It lets a test do what a good server seldom does: send a command twice, late or after a newer one, cut the stream,
refuse a reply. What it sends and takes is what a Drover agent server sends and takes.
"""

import base64
import contextlib
import http.server
import json
import threading
import time
import uuid

ACCESS_KEY, SECRET_KEY = "AGENTKEY", 'a "quoted\\ secret'


class Exerciser:
    """Serves http://127.0.0.1:PORT/v1 for one agent, from `with` to its end."""

    def __init__(self, ping_seconds=0.5):
        self.changed = threading.Condition()
        self.streams, self.subscriptions, self.replies, self.refused = [], [], [], []
        self.wrong_keys = 0
        self.refuse_next = []  # statuses for the next publish requests
        self.ping_seconds = ping_seconds
        self.closing = threading.Event()

    def __enter__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                with contextlib.suppress(ConnectionError):
                    outer.serve(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.cut()
        self.server.shutdown()
        self.server.server_close()

    def serve(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        key = base64.b64encode(f"{ACCESS_KEY}:{SECRET_KEY}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {key}":
            with self.changed:
                self.wrong_keys += 1
                self.changed.notify_all()
            self.say(request, 401, {"type": "error", "status": 401, "code": "Unauthorized"})
        elif request.path == "/v1/subscribe":
            self.subscribe(request, json.loads(body))
        elif request.path == "/v1/publish":
            self.publish(request, json.loads(body))
        else:
            self.say(request, 404, {"type": "error", "status": 404, "code": "Not Found"})

    def say(self, request, status, answer):
        text = json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json; charset=utf-8")
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def publish(self, request, reply):
        with self.changed:
            status = self.refuse_next.pop(0) if self.refuse_next else 201
            (self.replies if status == 201 else self.refused).append(reply)
            self.changed.notify_all()
        self.say(request, status, {**reply, "type": "publish" if status == 201 else "error"})

    def subscribe(self, request, body):
        request.send_response(201)
        request.send_header("Content-Type", "text/plain")
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        stream = Stream(request)
        with self.changed:
            self.streams.append(stream)
            self.subscriptions.append(body)
            self.changed.notify_all()
        while not stream.cut.is_set() and stream.write(ping_of_stream()):
            stream.cut.wait(self.ping_seconds)
        with self.changed:
            if stream in self.streams:
                self.streams.remove(stream)
        request.close_connection = True

    def wait_for(self, what, condition, seconds=30):
        """Waits until `condition()` holds, which is asked whenever something came in."""
        with self.changed:
            if not self.changed.wait_for(condition, seconds):
                raise AssertionError(f"not within {seconds} s: {what}; replies so far: {self.replies}")

    def wait_for_agent(self, subscriptions=1):
        self.wait_for("the agent subscribes", lambda: self.streams and len(self.subscriptions) >= subscriptions)

    def cut(self):
        """Ends the streams in mid-air."""
        with self.changed:
            streams, self.streams = self.streams, []
        for stream in streams:
            stream.end()

    def write(self, text):
        with self.changed:
            streams = list(self.streams)
        for stream in streams:
            stream.write(text)

    def send(self, event):
        """Sends an event made by `command` or `ping`, maybe not for the first time."""
        self.write(json.dumps(event) + "\n\n")
        return event

    def replies_to(self, event):
        return [one for one in self.replies if (one.get("previousIds") or [None])[0] == event["id"]]

    def reply_to(self, event, number=1, seconds=30):
        """The reply to `event`, checked: it is what an agent server lets through."""
        self.wait_for(f"reply {number} to {event['name']}", lambda: len(self.replies_to(event)) >= number, seconds)
        with self.changed:
            reply = self.replies_to(event)[number - 1]
        for key, value in {"name": event["replyTo"], "resourceType": event["resourceType"],
                           "resourceId": event["resourceId"],
                           "previousIds": [event["id"], *(event["previousIds"] or [])]}.items():
            if reply.get(key) != value:
                raise AssertionError(f"{key} of the reply is {reply.get(key)!r}, expected {value!r}: {reply}")
        if reply["id"] == event["id"] or abs(reply["time"] - time.time() * 1000) > 60_000:
            raise AssertionError(f"a reply has an id and a time of its own: {reply}")
        return reply

    def ask(self, event, seconds=30):
        self.send(event)
        return self.reply_to(event, seconds=seconds)


class Stream:
    def __init__(self, request):
        self.request, self.cut, self.lock = request, threading.Event(), threading.Lock()

    def write(self, text):
        data = text.encode()
        try:
            with self.lock:
                self.request.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.request.wfile.flush()
            return True
        except OSError:
            return False

    def end(self):
        self.cut.set()
        with contextlib.suppress(OSError):
            self.request.connection.shutdown(2)


def event(name, resource_type, resource_id, data, reply_to=True):
    identity = str(uuid.uuid4())
    return {"id": identity, "name": name, "replyTo": f"reply.{uuid.uuid4().int % 10**18}" if reply_to else None,
            "resourceType": resource_type, "resourceId": resource_id, "publisher": None, "transitioning": None,
            "transitioningMessage": None, "transitioningInternalMessage": None, "transitioningProgress": None,
            "previousIds": [str(uuid.uuid4())] if reply_to else None, "previousNames": ["agent.request"],
            "data": data, "time": int(time.time() * 1000), "timeoutMillis": 15000, "context": None}


def ping_of_stream():
    return json.dumps(event("ping", None, None, {"options": {}, "resources": []}, reply_to=False)) + "\n\n"


def ping(resources):
    return event("ping", "agent", "1", {"options": {"stats": False, "resources": resources}, "resources": []})


class Machine:
    """An instance with one volume of one image, placed on the agent's host; its commands."""

    def __init__(self, number, fields=None, identity=None):
        self.number = number
        self.image = {"id": 1, "uuid": "image-1", "type": "image", "url": None, "data": {}}
        self.volume = {"id": number, "uuid": str(uuid.uuid4()), "type": "volume", "deviceNumber": 0, "removed": None}
        self.instance = {"id": number, "uuid": identity or str(uuid.uuid4()), "type": "instance",
                         "kind": "virtualMachine", "data": {"fields": fields or {}}, "volumes": [self.volume]}

    @property
    def uuid(self):
        return self.instance["uuid"]

    def image_activate(self):
        return event("storage.image.activate", "imageStoragePoolMap", str(self.number),
                     {"imageStoragePoolMap": {"id": self.number, "image": self.image, "storagePool": {}}})

    def volume_command(self, what, version=None):
        data = {"volumeStoragePoolMap": {"id": self.number, "volume": self.volume, "storagePool": {}}}
        return event(f"storage.volume.{what}", "volumeStoragePoolMap", str(self.number), versioned(data, version))

    def instance_command(self, what, version=None, placement=None):
        number = placement or self.number
        data = {"instanceHostMap": {"id": number, "instance": self.instance, "host": {"uuid": "host"}}}
        return event(f"compute.instance.{what}", "instanceHostMap", str(number), versioned(data, version))


def versioned(data, version):
    return data if version is None else {**data, "version": version}
