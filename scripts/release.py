"""What a push to main releases: ``python scripts/release.py plan`` says the version and its notes, ``write`` sets it.

Every push makes a patch release; ``[minor]`` or ``[major]`` in a commit's message makes a larger one. Commits with
``[skip ci]`` or ``[skip release]``, and those that touch only ``*.md`` files and ``docs/``, release nothing.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSION_FILE = Path("src/pixlean/domain/version.py")
_TAG = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
_MARKS = re.compile(r"\s*\[(?:minor|major|skip ci|skip release)\]", re.IGNORECASE)
_UNIT, _RECORD = "\x1f", "\x1e"


class Bump(IntEnum):
    """How much of a version changes."""

    PATCH = 0
    MINOR = 1
    MAJOR = 2


@dataclass(frozen=True, order=True)
class Version:
    """Three numbers."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def bumped(self, by: Bump) -> Version:
        """The next version."""
        if by is Bump.MAJOR:
            return Version(self.major + 1, 0, 0)
        if by is Bump.MINOR:
            return Version(self.major, self.minor + 1, 0)
        return Version(self.major, self.minor, self.patch + 1)


@dataclass(frozen=True, kw_only=True)
class Commit:
    """One commit: its message and the paths that it touches."""

    digest: str
    message: str
    paths: tuple[str, ...]

    @property
    def releases(self) -> bool:
        """Whether it is a reason for a release."""
        said = self.message.lower()
        if "[skip ci]" in said or "[skip release]" in said:
            return False
        return any(not path.endswith(".md") and not path.startswith("docs/") for path in self.paths)

    @property
    def bump(self) -> Bump:
        """How large a release it asks for."""
        said = self.message.lower()
        return Bump.MAJOR if "[major]" in said else Bump.MINOR if "[minor]" in said else Bump.PATCH

    @property
    def title(self) -> str:
        """Its first line, without what is meant for this script."""
        return _MARKS.sub("", self.message.partition("\n")[0]).strip()


@dataclass(frozen=True, kw_only=True)
class Release:
    """A version with its notes in Markdown."""

    version: Version
    notes: str


def plan(last: Version | None, commits: Sequence[Commit]) -> Release | None:
    """The release that the commits since ``last`` make, oldest first; ``None`` where they make none.

    Without a last one it is 0.1.0.
    """
    telling = [commit for commit in commits if commit.releases]
    if not telling:
        return None
    version = last.bumped(max(commit.bump for commit in telling)) if last else Version(0, 1, 0)
    lines = [f"- {commit.title} ({commit.digest[:7]})" for commit in telling]
    return Release(version=version, notes="\n".join(["## What changed", "", *lines]) + "\n")


def last_version(tags: Sequence[str]) -> Version | None:
    """The highest of the tags that are versions, such as ``v1.2.3``."""
    found = [Version(*map(int, match.groups())) for tag in tags if (match := _TAG.fullmatch(tag))]
    return max(found, default=None)


def version_text(text: str, version: Version) -> str:
    """The version file with another version. Raises ``ValueError`` where it names none."""
    written, count = re.subn(r'(?m)^VERSION = "[^"]*"$', f'VERSION = "{version}"', text)
    if count != 1:
        raise ValueError('the version file has no line VERSION = "..."')
    return written


def read_commits(repository: Path, since: Version | None) -> list[Commit]:
    """The commits of the current branch after a version's tag, oldest first; merges tell nothing of their own."""
    span = [f"v{since}..HEAD"] if since else ["HEAD"]
    form = f"--format={_RECORD}%H{_UNIT}%B{_UNIT}"
    told = _git(repository, "log", "--reverse", "--no-merges", "--name-only", form, *span)
    commits = []
    for record in told.split(_RECORD)[1:]:
        digest, message, names = record.split(_UNIT)
        paths = tuple(name for name in names.splitlines() if name)
        commits.append(Commit(digest=digest, message=message.strip(), paths=paths))
    return commits


def _git(repository: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(repository), *words], check=True, capture_output=True, text=True)
    return done.stdout


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("do", choices=["plan", "write"])
    parser.add_argument("--repository", type=Path, default=ROOT)
    parser.add_argument("--notes", type=Path, help="plan: the file that the notes are written to")
    parser.add_argument("--version", help="write: the version, such as 1.2.3")
    asked = parser.parse_args(words)
    if asked.do == "write":
        match = _TAG.fullmatch(f"v{asked.version}")
        if match is None:
            parser.error("write needs --version, such as 1.2.3")
        file = asked.repository / VERSION_FILE
        file.write_text(version_text(file.read_text("utf-8"), Version(*map(int, match.groups()))), "utf-8")
        return 0
    last = last_version(_git(asked.repository, "tag", "--merged", "HEAD").split())
    release = plan(last, read_commits(asked.repository, last))
    if release is not None and asked.notes is not None:
        asked.notes.write_text(release.notes, "utf-8")
    print(f"version={release.version if release else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
