"""A walk through the API as its generic clients do it: everything is learned from the schemas, nothing is known.

With the package gdapi-python on the path the walk is made with it; otherwise with the small client below, which
binds and calls what that one does.
"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


class ApiError(Exception):
    def __init__(self, error):
        super().__init__(f"{error.status} {error.code} {error.fieldName if hasattr(error, 'fieldName') else ''}")
        self.error = error


class Resource:
    def __iter__(self):
        return iter(self.data)


class Client:
    def __init__(self, url):
        _, headers = self._raw("GET", url)
        text, _ = self._raw("GET", headers["X-API-Schemas"])
        self.types = {}
        for schema in self._object(json.loads(text)):
            assert schema.type == "schema"
            self.types[schema.id] = schema
            for method, methods, wanted in (("list", schema.collectionMethods, "GET"),
                                            ("by_id", schema.collectionMethods, "GET"),
                                            ("create", schema.collectionMethods, "POST"),
                                            ("update_by_id", schema.resourceMethods, "PUT")):
                if wanted in methods:
                    bound = getattr(self, method)
                    setattr(self, f"{method}_{schema.id}", lambda *a, _m=bound, _t=schema.id, **k: _m(_t, *a, **k))

    def _raw(self, method, url, body=None):
        # As the real one: JSON without saying so.
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method, headers={"Accept": "application/json"})
        request.add_unredirected_header("Content-type", "")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read().decode(), answer.headers
        except urllib.error.HTTPError as refused:
            raise ApiError(self._object(json.loads(refused.read().decode()))) from None

    def _object(self, value):
        if isinstance(value, list):
            return [self._object(one) for one in value]
        if not isinstance(value, dict):
            return value
        result = Resource()
        for key, one in value.items():
            setattr(result, key, self._object(one))
        if isinstance(value.get("type"), str):
            for name, url in value.get("links", {}).items():
                if name not in value:
                    setattr(result, name, lambda _url=url, **k: self._get(_url, k))
            for name in value.get("actions", {}):
                if name not in value:
                    setattr(result, name, lambda _name=name, **k: self.action(result, _name, k))
        return result

    def _send(self, method, url, body=None):
        text, _ = self._raw(method, url, body)
        return self._object(json.loads(text))

    def _get(self, url, filters=None):
        return self._send("GET", url + ("?" + urllib.parse.urlencode(filters, doseq=True) if filters else ""))

    def list(self, kind, **filters):
        return self._get(self.types[kind].links.collection, filters)

    def by_id(self, kind, which):
        try:
            return self._get(self.types[kind].links.collection + "/" + which)
        except ApiError as refused:
            if refused.error.status == 404:
                return None
            raise

    def create(self, kind, **values):
        return self._send("POST", self.types[kind].links.collection, values)

    def update_by_id(self, kind, which, **values):
        return self._send("PUT", self.types[kind].links.collection + "/" + which, values)

    def update(self, resource, **values):
        return self._send("PUT", resource.links.self, values)

    def delete(self, resource):
        return self._send("DELETE", resource.links.self)

    def action(self, resource, name, values=None):
        return self._send("POST", getattr(resource.actions, name), values or {})

    def reload(self, resource):
        return self.by_id(resource.type, resource.id)


def make_client(url):
    try:
        import gdapi
    except ImportError:
        return Client(url), ApiError, "the test's own client"
    return gdapi.Client(url=url), gdapi.ApiError, "gdapi-python"


def wait(client, resource):
    until = time.monotonic() + 60
    while resource.transitioning == "yes":
        assert time.monotonic() < until, f"{resource.type} {resource.id} stays {resource.state}"
        resource = client.reload(resource)
    assert resource.transitioning == "no", resource.transitioningMessage
    return resource


def refused(error, call, *args, **values):
    try:
        call(*args, **values)
    except error as one:
        return one.error
    raise AssertionError("it was not refused")


def walk(url):
    client, error, name = make_client(url)
    agent = wait(client, client.create_agent(uri=f"sim://generic-{time.time_ns()}"))
    assert agent.state == "active"
    hosts = agent.hosts()
    assert len(hosts.data) == 1 and hosts.data[0].agentId == agent.id
    machine = client.create_container(imageUuid="sim:generic", name="one", command="run", tcpPorts=[80])
    assert machine.type == "container" and machine.transitioning == "yes", machine.transitioning
    machine = wait(client, machine)
    assert machine.state == "running" and machine.data.fields.startOnCreate is True
    placed = machine.hosts().data
    assert len(placed) == 1 and placed[0].type == "host"
    assert machine.image().uuid == "sim:generic"
    assert [one.deviceNumber for one in machine.volumes().data] == [0]
    assert isinstance(machine.createdTS, int)
    with_hosts = client.list_container(include="hosts", name="one")
    assert with_hosts.data[-1].hosts[0].id == placed[0].id
    assert with_hosts.pagination.next is None
    machine = client.update(machine, name="two")
    assert machine.name == "two"
    machine = wait(client, machine.stop())
    assert machine.state == "stopped"
    machine = wait(client, client.delete(machine))
    assert machine.state == "removed" and machine.removed is not None
    assert client.by_id_container("1i99999") is None
    problem = refused(error, client.create_container)
    assert (problem.status, problem.code, problem.fieldName) == (422, "MissingRequired", "imageUuid"), problem.code
    assert refused(error, client.delete, hosts.data[0]).status == 409
    # Old clients send lists in lists.
    handler = client.create_externalHandler(name="h", processNames=[["pre.instance.start,instance.start"]])
    assert not hasattr(handler, "processNames") and handler.data.fields.processNames
    handler = wait(client, handler)
    assert handler.data.fields.processNames is None, handler.data.fields.processNames
    assert len(handler.externalHandlerProcesses().data) == 2
    handler = wait(client, handler.deactivate())
    assert handler.state == "inactive"
    task = [one for one in client.list_task().data if one.name == "purge.resources"][0]
    assert task.execute().id == task.id
    print("walked with " + name)


if __name__ == "__main__":
    walk(sys.argv[1])
