"""The documentation as a site, and its links checked: ``python scripts/build_site.py [--check]``.

In the pages other pages are named as files (``docs/img.md``), which reads well where they are read as text; here each such
name becomes a link. ``--check`` only looks: every page that is named is there and stands in the site's contents, once.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[1]
DOCS, SITE = ROOT / "docs", ROOT / "site"
_CONFIG = ROOT / "zensical.toml"
_NAMED = re.compile(r"`docs/((?:adr/)?[\w.-]+?)(\.md)?`(?!\])")
_LINKED = re.compile(r"\]\((?!https?:|mailto:|#)([^)\s]+)\)")
_FILES_THAT_NAME = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
# What a browser fetches by itself, and the attribute that says from where.
_LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
_FETCHED = ("stylesheet", "preload", "modulepreload", "icon", "preconnect", "dns-prefetch", "prefetch")


def contents() -> list[str]:
    """The pages of the site in their order."""
    return list(_pages(tomllib.loads(_CONFIG.read_text("utf-8"))["project"]["nav"]))


def _pages(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for below in nav.values():
            yield from _pages(below)
    elif isinstance(nav, list):
        for each in nav:
            yield from _pages(each)


def check() -> list[str]:
    """What is wrong with names and links in the sources."""
    wrong = []
    listed = contents()
    written = {path.name for path in DOCS.glob("*.md")}
    wrong += [f"zensical.toml: {name} is listed twice" for name in {name for name in listed if listed.count(name) > 1}]
    wrong += [f"zensical.toml: there is no docs/{name}" for name in listed if name not in {*written, "decisions.md"}]
    wrong += [f"docs/{name} is not in the site's contents (zensical.toml)" for name in sorted(written - set(listed))]
    for path in [*sorted(DOCS.rglob("*.md")), *(ROOT / name for name in _FILES_THAT_NAME)]:
        text = path.read_text("utf-8") if path.exists() else ""
        told = path.relative_to(ROOT)
        for match in _NAMED.finditer(text):
            name = f"{match[1]}{match[2] or ''}"
            if not _found(name):
                wrong.append(f"{told}: there is no docs/{name}")
        for match in _LINKED.finditer(text):
            target = (path.parent / unquote(urlsplit(match[1]).path)).resolve()
            if not target.exists():
                wrong.append(f"{told}: {match[1]} leads nowhere")
    return wrong


def _found(name: str) -> list[Path]:
    """A decision may be named by its number alone."""
    if name.startswith("adr/"):
        return list(DOCS.glob(f"{name.removesuffix('.md')}*"))
    return [DOCS / name] if (DOCS / name).exists() else []


def build(work: Path) -> list[str]:
    """Put the sources together, build ``work/site``, and look at every page: what leads nowhere or asks elsewhere."""
    sources, site = work / "docs", work / "site"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(DOCS, sources)
    for path in sources.rglob("*.md"):
        path.write_text(
            _with_links(path.read_text("utf-8"), up="../" * len(path.relative_to(sources).parents[:-1])), "utf-8"
        )
    (sources / "decisions.md").write_text(_decisions(), "utf-8")
    shutil.copyfile(_CONFIG, work / _CONFIG.name)
    words = [sys.executable, "-m", "zensical", "build", "--clean", "--config-file", str(work / _CONFIG.name)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        return [f"the site was not built: {(done.stderr or done.stdout).strip()[-500:]}"]
    return [*_dead_ends(site), *_asks(site)]


def _with_links(text: str, *, up: str) -> str:
    def link(match: re.Match[str]) -> str:
        found = _found(f"{match[1]}{match[2] or ''}")
        return f"[{_title(found[0])}]({up}{found[0].relative_to(DOCS).as_posix()})" if found else match[0]

    parts = re.split(r"(```.*?```)", text, flags=re.DOTALL)
    return "".join(part if part.startswith("```") else _NAMED.sub(link, part) for part in parts)


def _title(path: Path) -> str:
    return path.read_text("utf-8").splitlines()[0].lstrip("# ") if path.suffix == ".md" else path.name


def _decisions() -> str:
    lines = "".join(f"- [{_title(path)}](adr/{path.name})\n" for path in sorted(DOCS.glob("adr/*.md")))
    return f"# Decisions\n\nWhy things are as they are, each when it was decided.\n\n{lines}"


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given["id"]} if "id" in given else set()
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in _LOADS and (tag != "link" or given.get("rel") in _FETCHED):
            self.loads.append(given.get(_LOADS[tag], ""))


def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text("utf-8"))
    return page


def _dead_ends(site: Path) -> Iterator[str]:
    """Links of pages to pages and places in them that are not there."""
    pages = {path: _read(path) for path in site.rglob("*.html") if path.name != "404.html"}
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                yield f"{path.relative_to(site)}: {link} leads nowhere"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                yield f"{path.relative_to(site)}: {link} names no place there"


def _asks(site: Path) -> Iterator[str]:
    """Whatever a page's own elements would load from elsewhere; style sheets and scripts are the theme's."""
    for path in site.rglob("*.html"):
        for load in _read(path).loads:
            if urlsplit(load).netloc:
                yield f"{path.relative_to(site)} loads {load}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python scripts/build_site.py", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only the links of the sources")
    wrong = check()
    if not parser.parse_args().check and not wrong:
        wrong = build(ROOT / ".site")
        shutil.rmtree(SITE, ignore_errors=True)
        if (ROOT / ".site" / "site").exists():
            shutil.move(ROOT / ".site" / "site", SITE)
            print(f"{SITE} is built")
    for line in wrong:
        print(line, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
