"""Fetch the corpus of freely licensed pictures: ``python scripts/download_corpus.py [--group G] [--source DIR]``.

Every file is named in ``corpus_manifest.json`` with its URL, digest, licence and attribution, and checked by its digest.
What is there already is left alone; what was cut off is taken up where it stopped. One file at a time, with a pause.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from rich.progress import Progress

MANIFEST = Path(__file__).parent / "corpus_manifest.json"
_PAUSE_SECONDS = 0.5
_TRIES = 3
_AGENT = "pixlean-corpus (one file at a time)"


def main() -> int:
    """The command; the exit code is 1 where a file is missing at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--group", action="append", help="only this group; may be named several times")
    parser.add_argument("--source", type=Path, help="take the files from this folder, found by their digests")
    parser.add_argument("--out", type=Path, default=Path(".benchmark-data/corpus"), help="where the corpus goes")
    given = parser.parse_args()
    entries = json.loads(MANIFEST.read_text("utf-8"))
    groups = sorted({entry["group"] for entry in entries})
    unknown = set(given.group or ()) - set(groups)
    if unknown:
        print(f"no group {', '.join(sorted(unknown))}; there are {', '.join(groups)}", file=sys.stderr)
        return 2
    wanted = [entry for entry in entries if not given.group or entry["group"] in given.group]
    local = _by_digest(given.source, {entry["bytes"] for entry in wanted}) if given.source else None
    failed = []
    with Progress(transient=True) as bar:
        task = bar.add_task("corpus", total=len(wanted))
        for entry in wanted:
            said = _have(entry, given.out, local)
            if said:
                failed.append(f"{entry['group']}/{entry['file']}: {said}")
            bar.advance(task)
    _write_credits(entries, given.out)
    print(f"{len(wanted) - len(failed)} of {len(wanted)} files are in {given.out}")
    for line in failed:
        print(line, file=sys.stderr)
    return 1 if failed else 0


def _have(entry: dict[str, Any], out: Path, local: dict[str, Path] | None) -> str | None:
    """See to it that a file is there; what is wrong, or ``None``."""
    target = out / entry["group"] / entry["file"]
    if target.exists() and _digest(target) == entry["sha256"]:
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    if local is not None:
        if entry["sha256"] not in local:
            return "not in the source folder"
        part.write_bytes(local[entry["sha256"]].read_bytes())
    else:
        said = _fetch(entry["url"], part, entry["bytes"])
        if said:
            return said
    if _digest(part) != entry["sha256"]:
        part.unlink()
        return "the digest is another one: the file has changed at its origin"
    part.replace(target)
    return None


def _fetch(url: str, part: Path, size_bytes: int) -> str | None:
    """Fetch the rest of a file; what is wrong, or ``None``."""
    said = "not fetched"
    for number in range(_TRIES):
        time.sleep(_PAUSE_SECONDS * (1 + 4 * number))
        at = part.stat().st_size if part.exists() else 0
        if at >= size_bytes:
            return None
        headers = {"User-Agent": _AGENT, **({"Range": f"bytes={at}-"} if at else {})}
        try:
            with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=30) as answer:
                if answer.status_code in (403, 404, 410):
                    return f"the origin answers {answer.status_code}"
                answer.raise_for_status()
                with part.open("ab" if answer.status_code == 206 else "wb") as file:
                    for chunk in answer.iter_bytes():
                        file.write(chunk)
            return None
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
    return said


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _by_digest(folder: Path, sizes: set[int]) -> dict[str, Path]:
    """The folder's files by digest; only those of a size that is wanted are read."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.stat().st_size in sizes)
    return {_digest(path): path for path in files}


def _write_credits(entries: list[dict[str, Any]], out: Path) -> None:
    lines = [
        f"{entry['group']}/{entry['file']}: {entry['attribution']}, {entry['licence']}, {entry['url']}"
        for entry in entries
    ]
    out.mkdir(parents=True, exist_ok=True)
    (out / "CREDITS.txt").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
