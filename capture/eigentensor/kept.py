"""Programs that were pickled, as files by their digest: once on a machine, for all its processes.

They lie in the folder of the library's own cache, of this user alone, so that what the library
compiles of them is kept and shared, too."""

import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

MOST_BYTES = 4 << 30
UNFINISHED_SECONDS = 600  # after which a folder without its final name is nobody's


def folder():
    """Where they are kept, made if it is not there; None where that cannot be."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    home = os.environ.get("HOME", "")
    if cache.startswith("/"):
        base = Path(cache)
    elif home.startswith("/"):
        base = Path(home, ".cache")
    else:
        return None
    found = base / "eigentensor"
    for each in (base, found, found / "graphs"):
        try:
            each.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            return None
    return found / "graphs" if _is_ours(found) and _is_ours(found / "graphs") else None


def graph_file(digest, graph, weights):
    """The path of the graph, its weights beside it, in the folder of that digest, which is written
    unless it is there; None where nothing can be kept."""
    kept = folder()
    if kept is None:
        return None
    final = kept / digest
    if not _is_ours(final):
        try:
            _write(kept, final, graph, weights)
        except OSError:
            return None
    if not _is_ours(final):
        return None
    try:
        os.utime(final)
    except OSError:
        pass  # it was used less recently, then
    return final / "graph.json"


def forget(path):
    """Of a graph that is not what its digest says."""
    shutil.rmtree(path.parent, ignore_errors=True)


def write_files(place, graph, weights):
    if weights is not None:
        Path(place, "graph.safetensors").write_bytes(weights)
    Path(place, "graph.json").write_bytes(graph)
    return Path(place, "graph.json")


def _is_ours(path):
    """A folder of this user's, that no one else may write to."""
    try:
        facts = path.lstat()
    except OSError:
        return False
    return (stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid()
            and not facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _write(kept, final, graph, weights):
    """Under another name first: what has its final name is whole."""
    trim(kept, MOST_BYTES - len(graph) - len(weights or b""))
    part = tempfile.mkdtemp(prefix="part-", dir=kept)
    try:
        write_files(part, graph, weights)
        os.rename(part, final)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
        if not final.is_dir():  # else another process was first
            raise


def trim(kept, most):
    """Removes what was used longest ago, until no more than so many bytes are left. A process that
    has mapped the weights keeps them."""
    used = []
    for each in kept.iterdir():
        try:
            facts = each.stat()
            size = sum(file.stat().st_size for file in each.iterdir())
        except OSError:
            continue  # another process removed it
        if each.name.startswith("part-"):
            if time.time() - facts.st_mtime > UNFINISHED_SECONDS:
                shutil.rmtree(each, ignore_errors=True)
        else:
            used.append((facts.st_mtime, size, each))
    for _, size, each in sorted(used, reverse=True):
        most -= size
        if most < 0:
            shutil.rmtree(each, ignore_errors=True)
