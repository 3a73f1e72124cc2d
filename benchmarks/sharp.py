"""sharp in one Node process that is asked line by line, so that its start is not part of what is measured."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.corpus import DATA

VERSION = "sharp@0.35"
# One order a line: {"input", "output", "format", "options"}; one answer a line: {"cpu"} in seconds, or {"error"}.
_SCRIPT = """
const sharp = require("sharp"), readline = require("readline")
sharp.cache(false)
sharp.concurrency(1)
readline.createInterface({input: process.stdin}).on("line", async line => {
  const order = JSON.parse(line), before = process.cpuUsage()
  try {
    await sharp(order.input, {animated: true}).toFormat(order.format, order.options).toFile(order.output)
    const spent = process.cpuUsage(before)
    console.log(JSON.stringify({cpu: (spent.user + spent.system) / 1e6}))
  } catch (error) { console.log(JSON.stringify({error: error.message})) }
})
"""


@lru_cache(maxsize=1)
def folder() -> Path | None:
    """A folder with sharp installed, or ``None`` where Node or npm is missing or the registry can't be reached."""
    if not shutil.which("node") or not shutil.which("npm"):
        return None
    place = (DATA / "node").resolve()
    if not (place / "node_modules" / "sharp").is_dir():
        place.mkdir(parents=True, exist_ok=True)
        (place / "package.json").write_text('{"private": true}')
        words = ["npm", "install", "--no-audit", "--no-fund", VERSION]
        if subprocess.run(words, cwd=place, capture_output=True, check=False).returncode:
            return None
    return place


def missing() -> str | None:
    """Why sharp can't be run here, or ``None``."""
    return None if folder() else "Node or npm is missing, or sharp could not be installed"


@lru_cache(maxsize=1)
def _process() -> subprocess.Popen[str]:
    place = folder()
    if place is None:
        raise RuntimeError(missing())
    (place / "lines.cjs").write_text(_SCRIPT)
    return subprocess.Popen(
        ["node", "lines.cjs"], cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )


def encode(path: Path, kind: str, options: dict[str, Any]) -> tuple[bytes, float]:
    """The file that sharp makes of a picture, and the seconds of CPU it took. Raises ``RuntimeError``."""
    process = _process()
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("sharp's process has no pipes")
    with tempfile.TemporaryDirectory() as place:
        made = Path(place) / "made"
        order = {"input": str(path.resolve()), "output": str(made), "format": kind, "options": options}
        process.stdin.write(json.dumps(order) + "\n")
        answer = json.loads(process.stdout.readline() or '{"error": "sharp has ended"}')
        if "error" in answer:
            raise RuntimeError(f"sharp: {answer['error']}")
        return made.read_bytes(), float(answer["cpu"])
