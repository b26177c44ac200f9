"""Holds packaging/kubernetes/ against Kubernetes' schemas and KServe's own types, and starts the
server as each manifest does: manifests.py SERVER KSERVE, a folder with KServe's package."""
import ast
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import kubernetes_validate
import yaml

SERVER, KSERVE = sys.argv[1:]
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, "packaging/kubernetes")
VERSION = kubernetes_validate.latest_version()
PRIMITIVE = {"str": str, "bool": bool, "int": int, "float": (int, float), "object": object}


def kubernetes(document):
    kubernetes_validate.validate(document, VERSION, strict=True)


# ---- KServe ----


def fields_of(kind):
    """{member: type} of a type of KServe's, from the text of its class."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower()
    with open(os.path.join(KSERVE, "kserve/models", name + ".py")) as file:
        tree = ast.parse(file.read())
    tables = {target.id: ast.literal_eval(node.value) for node in ast.walk(tree)
              if isinstance(node, ast.Assign) for target in node.targets
              if isinstance(target, ast.Name) and target.id in ("openapi_types", "attribute_map")}
    return {tables["attribute_map"][key]: kind for key, kind in tables["openapi_types"].items()}


def check(value, kind, place):
    """Types of Kubernetes within KServe's are checked as parts of a pod."""
    listed = re.fullmatch(r"list\[(.*)\]", kind)
    mapped = re.fullmatch(r"dict\(str, (.*)\)", kind)
    if listed:
        assert isinstance(value, list), f"{place}: expected a list"
        for i, item in enumerate(value):
            check(item, listed[1], f"{place}[{i}]")
    elif mapped:
        for key, item in value.items():
            check(item, mapped[1], f"{place}.{key}")
    elif kind in PRIMITIVE:
        assert isinstance(value, PRIMITIVE[kind]), f"{place}: {value!r} is no {kind}"
    elif kind == "V1Container":
        kubernetes({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"},
                    "spec": {"containers": [value]}})
    elif kind == "V1ObjectMeta":
        kubernetes({"apiVersion": "v1", "kind": "ConfigMap", "metadata": value})
    else:
        fields = fields_of(kind)
        for key, member in value.items():
            assert key in fields, f"{place}: {kind} has no {key}"
            check(member, fields[key], f"{place}.{key}")


def kserve(document):
    version = document["apiVersion"].rpartition("/")[2]
    check(document, version.capitalize() + document["kind"], document["kind"])


# ---- Starting ----


def write_model(folder):
    row = {"dtype": "float32", "shape": [4]}
    graph = {"format": "eigentensor", "version": 2, "name": "any", "inputs": [{"name": "x", **row}],
             "nodes": [{"id": 0, "op": "input", "src": [], "name": "x", **row},
                       {"id": 1, "op": "neg", "src": [0], **row}],
             "outputs": [{"name": "y", "node": 1}]}
    with open(os.path.join(folder, "model.json"), "w") as file:
        json.dump(graph, file)


def status(port, path):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30).status
    except urllib.error.HTTPError as error:
        return error.code


def start(container, name):
    """The server as the container starts it, but for its port and folders, answers its probes."""
    with tempfile.TemporaryDirectory() as folder:
        write_model(folder)
        arguments = [re.sub(r"(?<==)/(mnt/)?models$", folder, argument).replace("{{.Name}}", name)
                     .replace("0.0.0.0", "127.0.0.1") for argument in container["args"]]
        process = subprocess.Popen([SERVER, *arguments, "--port=0", "--no-aot", "--quiet"],
                                   stderr=subprocess.PIPE, text=True)
        line = process.stderr.readline()
        found = re.search(r":(\d+), ready after", line)
        assert found, line + process.stderr.read()
        try:
            for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
                if probe in container:
                    path = container[probe]["httpGet"]["path"]
                    assert status(found[1], path) == 200, path
            assert status(found[1], f"/v2/models/{name}") == 200, name
        finally:
            process.terminate()
            said = process.stderr.read()
        assert process.wait(60) == 0 and not said, said


def containers_of(document):
    spec = document.get("spec", {})
    return spec.get("template", {}).get("spec", spec).get("containers", [])


count = 0
for file_name in sorted(os.listdir(FOLDER)):
    with open(os.path.join(FOLDER, file_name)) as file:
        for document in yaml.safe_load_all(file):
            (kserve if "kserve.io" in document["apiVersion"] else kubernetes)(document)
            for container in containers_of(document):
                start(container, "model")
            print(f"ok    {file_name}: {document['kind']}")
            count += 1
assert count >= 6, "manifests are missing"

# What must not pass, so that the checks above say something.
for check_of, wrong in (
        (kubernetes, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"},
                      "spec": {"port": 1}}),
        (kserve, {"apiVersion": "serving.kserve.io/v1alpha1", "kind": "ServingRuntime",
                  "spec": {"protocols": ["v2"]}})):
    try:
        check_of(wrong)
    except (kubernetes_validate.ValidationError, AssertionError):
        continue
    sys.exit(f"passes, and must not: {wrong}")
