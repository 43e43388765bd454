#!/usr/bin/env python3
"""A kind of resource that Hansa does not know: checklists, served by one Python program.

Only the standard library is used. At the cluster that owns a checklist this program makes and
changes it; at a cluster that mirrors it, it checks every batch before it is applied and keeps a
summary file. The protocol is plain HTTP; the node describes it at /openapi.json.
"""

import argparse
import http.client
import json
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

KIND = "checklist"
SILENT_SECONDS = 30  # the node sends a ping every ten: whoever hears nothing has lost it
RETRY_SECONDS = 1
SCHEMA = {
    "type": "object",
    "required": ["text", "done"],
    "properties": {"text": {"type": "string"}, "done": {"type": "boolean"}},
}


class Refused(Exception):
    """The node answered with an error report."""


class Node:
    """The HTTP API of one's own node."""

    def __init__(self, data):
        self.data = data

    def open(self, method, path, query=None, body=None):
        # Read anew each time: a node that was started again may listen elsewhere.
        with open(os.path.join(self.data, "api.json"), encoding="utf-8") as file:
            url = json.load(file)["url"]
        with open(os.path.join(self.data, "owner.token"), encoding="utf-8") as file:
            token = file.read().strip()
        address = url + path + ("?" + urllib.parse.urlencode(query) if query else "")
        request = urllib.request.Request(address, method=method)
        request.add_header("Authorization", "Bearer " + token)
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode("utf-8")
        try:
            return urllib.request.urlopen(request, timeout=SILENT_SECONDS)
        except urllib.error.HTTPError as error:
            report = json.loads(error.read() or b"{}")
            raise Refused(report.get("code"), report.get("message")) from error

    def call(self, method, path, query=None, body=None):
        with self.open(method, path, query, body) as response:
            return json.loads(response.read() or b"null")

    def watch(self, path, query):
        """The items of a stream: one JSON text per line, and a last line that says how it ended."""
        with self.open("GET", path, query) as response:
            for line in response:
                told = json.loads(line)
                if "item" in told:
                    yield told["item"]
                elif "error" in told:
                    raise Refused(told["error"]["code"], told["error"]["message"])
                else:
                    return
        raise ConnectionError("the stream broke off")


def register(node):
    node.call("POST", "/kinds", body={"kind": KIND, "description": "things to do", "schema": SCHEMA})


def problem_of(op):
    """Why an operation is none of a checklist; None where it is one."""
    if "delete" in op:
        return None
    key, value = op["put"]["key"], op["put"]["value"]
    if not re.fullmatch(r"[a-z0-9-]{1,64}", key):
        return f'"{key}" is no name of an item'
    if op["put"]["encoding"] != "text":
        return f'item "{key}" is no text'
    try:
        item = json.loads(value)
    except ValueError:
        return f'item "{key}" is no JSON'
    if not isinstance(item, dict) or set(item) != {"text", "done"}:
        return f'item "{key}" has other fields than text and done'
    if not isinstance(item["text"], str) or not isinstance(item["done"], bool):
        return f'item "{key}" has fields of other types'
    return None


def item_path(work):
    """Where one item of work is read and answered."""
    return "/".join(["/kinds", KIND, "work", work["work"]])


def changes_of(node, work):
    """Every change of a batch: what came with the item, then the rest, page by page."""
    page = work
    while True:
        yield from page["changes"]
        if "next" not in page:
            return
        page = node.call("GET", f"{item_path(work)}/changes", {"from": page["next"]})


def summary_file(folder, work):
    # The id names the owner for ever; ownerName is a label, and gone with the mirror.
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", f"{work['resource'][:8]}-{work['name']}")
    return os.path.join(folder, name + ".txt")


def write_summary(node, folder, work):
    """Made anew from the entries as they are applied: the same again does no harm."""
    entries = node.watch(f"/kinds/{KIND}/entries", {"resource": work["resource"]})
    items = [json.loads(entry["value"]) for entry in entries]
    done = sum(1 for item in items if item["done"])
    lines = [f"{work['name']}: {done} of {len(items)} done"]
    lines += [f"[{'x' if item['done'] else ' '}] {item['text']}" for item in items]
    path = summary_file(folder, work)
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    os.replace(path + ".new", path)


def do(node, folder, work):
    """Does one item of work; the reason why it is refused, or None."""
    if work["type"] == "stage":
        ops = (op for change in changes_of(node, work) for op in change["ops"])
        return next((problem for problem in map(problem_of, ops) if problem), None)
    if work["type"] in ("commit", "settle"):
        write_summary(node, folder, work)
    elif work["type"] == "purge":
        path = summary_file(folder, work)
        if os.path.exists(path):
            os.remove(path)
    return None  # a ping wants an answer only, and of a discarded batch nothing was kept


def serve_once(node, folder, provider):
    register(node)
    lease = None
    for work in node.watch(f"/kinds/{KIND}/work", {"provider": provider}):
        if work["type"] == "lease":
            lease = work["lease"]
            print("serving", KIND, flush=True)
            continue
        reason = do(node, folder, work)
        answer = {"lease": lease, "accept": reason is None}
        if reason is not None:
            answer["reason"] = reason
            print("refused", work.get("resource"), reason, flush=True)
        try:
            node.call("POST", item_path(work), body=answer)
        except Refused as refused:
            if refused.args[0] != "WORK_OVER":  # what still matters is handed out again
                raise


def serve(node, folder, provider):
    os.makedirs(folder, exist_ok=True)
    while True:
        try:
            serve_once(node, folder, provider)
        except (Refused, OSError, ValueError, http.client.HTTPException) as error:
            print("waiting for the node:", error, file=sys.stderr, flush=True)
        time.sleep(RETRY_SECONDS)


def change(node, name, key, item):
    op = {"delete": {"key": key}} if item is None else {"put": {"key": key, "value": json.dumps(item)}}
    done = node.call("POST", f"/kinds/{KIND}/append", body={"name": name, "ops": [op]})
    print(f"{name} is at change {done['sequence']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="data folder of the node")
    verbs = parser.add_subparsers(dest="verb", required=True)
    serving = verbs.add_parser("serve", help="serve the kind: check what comes, keep summaries")
    serving.add_argument("--folder", required=True, help="where summaries are written")
    serving.add_argument("--provider", default="checklist.py", help="what this program calls itself")
    verbs.add_parser("new", help="make a checklist").add_argument("name")
    for verb in ("add", "done", "drop"):
        one = verbs.add_parser(verb, help=f"{verb} an item")
        one.add_argument("name")
        one.add_argument("item", help="a short name: letters, digits and dashes")
        if verb != "drop":
            one.add_argument("text")
    given = parser.parse_args()
    node = Node(given.data)
    if given.verb == "serve":
        serve(node, given.folder, given.provider)
    elif given.verb == "new":
        register(node)
        made = node.call("POST", f"/kinds/{KIND}/resources", body={"name": given.name})
        print("made", made["resource"])
    elif given.verb == "drop":
        change(node, given.name, given.item, None)
    else:
        change(node, given.name, given.item, {"text": given.text, "done": given.verb == "done"})


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
    except Refused as refused:
        sys.exit(f"refused: {refused.args[1]} [{refused.args[0]}]")
