"""The examples of the pages for clients, and those of an API's own documentation, run as they stand but for the host and the key."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from node import node_folder, run_node
from pictures import photo, saved
from serving import Server

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("native", "optipic", "tinify", "feather", "compressorize", "picwish", "moving")
_BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    return [code for kind, code in _BLOCK.findall((DOCS / f"{page}.md").read_text()) if kind == language]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("shop")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued = authority.issue_cert("127.0.0.1", "localhost")
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    plain = Server(STORAGE_FILE_ROOT=str(tmp_path_factory.mktemp("stored")))
    tls = Server(TLS_CERT_FILE=str(folder / "cert.pem"), TLS_KEY_FILE=str(folder / "key.pem"), API_KEY="example-key")
    key = plain.new_key("payg")
    (folder / "photo.jpg").write_bytes(saved(photo(), "JPEG", quality=95))
    yield {
        "FOLDER": str(folder), "PLAIN": plain.url.replace("127.0.0.1", "localhost"), "CA_FILE": str(folder / "ca.pem"),
        "TLS": tls.url.replace("127.0.0.1", "localhost"), "OPTIPIC_API_KEY": key, "TINIFY_KEY": key, "COMPRESSORIZE_KEY": key, "PICWISH_KEY": key,
        "PIXLEAN_KEY": key,
    }  # fmt: skip
    plain.stop()
    tls.stop()


def here(code: str, shop: dict[str, str]) -> str:
    return code.replace("http://localhost:8080", shop["PLAIN"]).replace("https://localhost:8080", shop["TLS"])


def run(words: list[str], shop: dict[str, str]) -> str:
    done = subprocess.run(
        words, cwd=shop["FOLDER"], capture_output=True, check=False, text=True, timeout=60, env={**os.environ, **shop}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("page", PAGES)
def test_curl_examples_run(shop: dict[str, str], page: str) -> None:
    for code in blocks(page, "bash"):
        before = set(Path(shop["FOLDER"]).iterdir())
        run(["bash", "-euc", here(code, shop).replace("curl -s", "curl -sf")], shop)
        made = set(Path(shop["FOLDER"]).iterdir()) - before
        assert made and all(path.stat().st_size > 100 for path in made)
        for path in made:
            path.unlink()


@pytest.mark.parametrize("page", PAGES)
def test_python_examples_run(shop: dict[str, str], page: str) -> None:
    for code in blocks(page, "python"):
        assert run([sys.executable, "-c", here(code, shop)], shop).strip()


@pytest.mark.parametrize("page", PAGES)
def test_javascript_examples_run(shop: dict[str, str], page: str, request: pytest.FixtureRequest) -> None:
    folder = node_folder(request.config.cache)
    (folder / "photo.jpg").write_bytes(saved(photo(), "JPEG", quality=95))
    for code in blocks(page, "javascript"):
        key = "example-key" if "https://localhost" in code else shop["TINIFY_KEY"]
        said = run_node(folder, here(code, shop), module=True, **{**shop, "TINIFY_KEY": key})
        assert said.strip()


# The examples of OptiPic's own documentation, with another host.
_THEIR_PYTHON = """
import os
import requests

API_KEY = os.environ["OPTIPIC_API_KEY"]

def compress_image(input_path: str, output_path: str):
    with open(input_path, "rb") as f:
        res = requests.post(
            "https://api.opti.pictures/v1/compress",
            headers={"Authorization": f"Bearer {API_KEY}"},
            files={"file": f},
            data={"format": "webp", "quality": "80"},
        )

    res.raise_for_status()

    print(f"Original: {res.headers['X-Original-Size']} bytes")
    print(f"Compressed: {res.headers['X-Compressed-Size']} bytes")
    print(f"Saved: {res.headers['X-Savings-Percent']}%")

    with open(output_path, "wb") as out:
        out.write(res.content)

compress_image("photo.jpg", "photo.webp")
"""
_THEIR_NODE = """
import fs from 'fs/promises'
import fetch from 'node-fetch'
import FormData from 'form-data'

const API_KEY = process.env.OPTIPIC_API_KEY

async function compressImage(inputPath, outputPath) {
  const form = new FormData()
  form.append('file', await fs.readFile(inputPath), 'photo.jpg')
  form.append('format', 'webp')
  form.append('quality', '80')

  const res = await fetch('https://api.opti.pictures/v1/compress', {
    method: 'POST',
    headers: { Authorization: `Bearer ${API_KEY}`, ...form.getHeaders() },
    body: form,
  })

  if (!res.ok) {
    const err = await res.json()
    throw new Error(err.error)
  }

  console.log('Original:', res.headers.get('X-Original-Size'), 'bytes')
  console.log('Compressed:', res.headers.get('X-Compressed-Size'), 'bytes')
  console.log('Saved:', res.headers.get('X-Savings-Percent') + '%')

  await fs.writeFile(outputPath, Buffer.from(await res.arrayBuffer()))
}

await compressImage('photo.jpg', 'photo.webp')
"""


def test_optipics_own_python_example_runs(shop: dict[str, str]) -> None:
    said = run([sys.executable, "-c", _THEIR_PYTHON.replace("https://api.opti.pictures", shop["PLAIN"])], shop)
    assert re.search(r"Saved: \d+\.\d%", said)
    assert (Path(shop["FOLDER"]) / "photo.webp").read_bytes()[8:12] == b"WEBP"


def test_optipics_own_node_example_runs(shop: dict[str, str], request: pytest.FixtureRequest) -> None:
    folder = node_folder(request.config.cache)
    (folder / "photo.jpg").write_bytes(saved(photo(), "JPEG", quality=95))
    code = _THEIR_NODE.replace("https://api.opti.pictures", shop["PLAIN"])
    assert re.search(r"Saved: \d+\.\d%", run_node(folder, code, module=True, **shop))
    assert (folder / "photo.webp").read_bytes()[8:12] == b"WEBP"
