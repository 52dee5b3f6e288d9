"""A Kubernetes API server of a few calls, on a socket, and a kubeconfig that leads to it."""

import json
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from operations.manifests import problems
from workloads.jobs.pool import Pool, config_map_name, described

BATCH, JOBSET = "/apis/batch/v1", "/apis/jobset.x-k8s.io/v1alpha2"
KUEUE = "/apis/kueue.x-k8s.io/v1beta2"
IN = "namespaces/workloads"
LISTS = {
    f"/api/v1/{IN}/configmaps", f"/api/v1/{IN}/secrets", f"/api/v1/{IN}/pods", "/api/v1/nodes",
    f"{BATCH}/{IN}/jobs", f"{JOBSET}/{IN}/jobsets",
    f"{KUEUE}/{IN}/localqueues", f"{KUEUE}/{IN}/workloads",
}  # fmt: skip


def now():
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Api:
    """What the server holds: path -> object. `refused` answers every call with that status."""

    objects: dict = field(default_factory=dict)
    lists: set = field(default_factory=lambda: set(LISTS))
    logs: dict = field(default_factory=dict)
    calls: list = field(default_factory=list)
    refused: int | None = None

    def put(self, where, name, body=None):
        thing = {"metadata": {"name": name, "uid": str(uuid.uuid4()), "creationTimestamp": now()}}
        thing |= {k: v for k, v in (body or {}).items() if k != "metadata"}
        thing["metadata"] |= (body or {}).get("metadata", {})
        self.objects[f"{where}/{name}"] = thing
        return thing

    def pool(self, pool):
        """What a pool's stack leaves in the cluster."""
        self.put(f"/api/v1/{IN}/configmaps", config_map_name(pool.name), {"data": described(pool)})
        self.put(f"{KUEUE}/{IN}/localqueues", pool.name, {"spec": {"clusterQueue": pool.name}})

    def jobset(self, name="train"):
        return self.objects[f"{JOBSET}/{IN}/jobsets/{name}"]

    def job(self, name):
        return self.objects[f"{BATCH}/{IN}/jobs/{name}"]

    def answer(self, method, path, query, body):
        """The status and body of one call."""
        if self.refused:
            return self.refused, failure(self.refused, "so says the test")
        if method == "GET" and path.endswith("/log"):
            return 200, self.logs[path.split("/")[-2]]
        if method == "POST":
            return self.create(path, body)
        if path in self.lists:
            return 200, {
                "items": [o for p, o in self.objects.items() if self.fits(p, o, path, query)]
            }
        if path in self.objects:
            return 200, self.objects[path]
        return 404, failure(404, f'"{path}" not found')

    def create(self, path, body):
        if path not in self.lists:
            return 404, "404 page not found\n"
        if wrong := problems(body, "1.35"):
            return 422, failure(422, "; ".join(wrong))
        name = body["metadata"]["name"]
        if f"{path}/{name}" in self.objects:
            return 409, failure(409, f'"{name}" already exists')
        return 201, self.put(path, name, body)

    def fits(self, place, thing, path, query):
        wanted = dict(part.split("=") for part in query.get("labelSelector", "").split(",") if part)
        return place.rpartition("/")[0] == path and (
            wanted.items() <= thing["metadata"].get("labels", {}).items()
        )


def failure(code, message):
    return {"kind": "Status", "status": "Failure", "code": code, "message": message}


@pytest.fixture
def api():
    store = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            url = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            store.calls.append((self.command, url.path))
            code, answer = store.answer(
                self.command, url.path, query, json.loads(body) if body else None
            )
            data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(code)
            kind = "text/plain" if isinstance(answer, str) else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    store.url = f"http://127.0.0.1:{server.server_port}"
    yield store
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def kubeconfig(api, tmp_path):
    """The path of a kubeconfig with one context."""
    return write_kubeconfig(tmp_path / "kubeconfig", api.url)


def write_kubeconfig(path, url):
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "one", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": {"token": "token"}}],
        "contexts": [{"name": "here", "context": {"cluster": "one", "user": "me"}}],
        "current-context": "here",
    }
    path.write_text(yaml.safe_dump(config))
    return str(path)


@pytest.fixture
def trn1():
    return Pool(
        name="trn1",
        instance_type="trn1.32xlarge",
        efa=True,
        max_nodes=4,
        registry="111122223333.dkr.ecr.us-east-2.amazonaws.com",
        images="dev/workloads",
    )
