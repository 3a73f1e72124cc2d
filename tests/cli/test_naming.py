"""Names are planned before any work: a table of what may be written where, and what stops a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixlean.cli.naming import Kind, Naming, Original, Overwrite, Standing, plan

JPEG, WEBP, PNG = (".jpg", ".jpeg"), (".webp",), (".png",)
OUT = Path("/out")


def source(path: str) -> Original:
    real = Path("/in") / path
    return Original(path=real, real=real, below=Path(path), identity=str(real), key=str(real))


def disk(**standing: Standing):
    """What stands under names; originals are files, everything else is free."""

    def look(path: Path) -> Standing:
        known = standing.get(str(path).replace("/", "_").replace(".", "_").lstrip("_"))
        if known is not None:
            return known
        return Standing(place=path, kind=Kind.FILE if path in originals else Kind.NOTHING, identity=str(path))

    originals: set[Path] = set()
    look.originals = originals  # type: ignore[attr-defined]
    return look


def file(path: str, made_from: str | None = None) -> Standing:
    return Standing(place=Path(path), kind=Kind.FILE, identity=path, made_from=Path(made_from) if made_from else None)


def run(paths: list[str], naming: Naming, **standing: Standing):
    sources = tuple(source(path) for path in paths)
    look = disk(**standing)
    look.originals.update(each.real for each in sources)
    return plan(sources, naming, look)


# sources, naming, what stands there already -> the names of the results, or the number of conflicts
TABLE = [
    (["a.png"], Naming(), {}, ["/in/a.min.png"]),
    (["a.png"], Naming(out=OUT), {}, ["/out/a.png"]),
    (["s/a.png"], Naming(out=OUT), {}, ["/out/s/a.png"]),
    (["a.png"], Naming(in_place=True), {}, ["/in/a.png"]),
    (["a.JPG"], Naming(out=OUT, endings=(JPEG,), keeps_format=False), {}, ["/out/a.JPG"]),
    (["a.png"], Naming(in_place=True, endings=(WEBP,), keeps_format=False), {}, ["/in/a.webp"]),
    # Another file has the name.
    (["a.png"], Naming(in_place=True, endings=(WEBP,), keeps_format=False), {"in_a_webp": file("/in/a.webp")}, 1),
    (["a.png"], Naming(out=OUT), {"out_a_png": file("/out/a.png")}, 1),
    (["a.png"], Naming(), {"in_a_min_png": file("/in/a.min.png")}, 1),
    (["a.png"], Naming(out=OUT), {"out_a_png": Standing(place=OUT / "a.png", kind=Kind.FOLDER)}, 1),
    (["a.png"], Naming(out=OUT, overwrite=Overwrite.ALWAYS), {"out_a_png": Standing(place=OUT / "a.png", kind=Kind.FOLDER)}, 1),
    (["a.png"], Naming(out=OUT), {"out_a_png": Standing(place=OUT / "a.png", kind=Kind.BLOCKED)}, 1),
    # ... which was made from this one, or from another one.
    (["a.png"], Naming(out=OUT), {"out_a_png": file("/out/a.png", "/in/a.png")}, ["/out/a.png"]),
    (["a.png"], Naming(out=OUT), {"out_a_png": file("/out/a.png", "/in/b.png")}, 1),
    # ... and the user says what is to be.
    (["a.png"], Naming(out=OUT, overwrite=Overwrite.ALWAYS), {"out_a_png": file("/out/a.png")}, ["/out/a.png"]),
    (["a.png"], Naming(out=OUT, overwrite=Overwrite.SMALLER), {"out_a_png": file("/out/a.png")}, ["/out/a.png"]),
    (["a.png"], Naming(out=OUT, overwrite=Overwrite.NEVER), {"out_a_png": file("/out/a.png")}, []),
    # Two originals with one name.
    (["a.png", "a.jpg"], Naming(out=OUT, endings=(WEBP,), keeps_format=False), {}, 2),
    (["a.png", "a.jpg"], Naming(out=OUT, endings=(WEBP,), keeps_format=False, overwrite=Overwrite.NEVER), {}, ["/out/a.webp"]),
    (["a.png", "a.jpg"], Naming(out=OUT, endings=(WEBP,), keeps_format=False, overwrite=Overwrite.ALWAYS), {}, ["/out/a.webp"]),
    (["a.png", "a.jpg"], Naming(out=OUT, endings=(WEBP,), keeps_format=False, overwrite=Overwrite.SMALLER), {}, ["/out/a.webp"] * 2),
    (
        ["a.png", "a.jpg"], Naming(out=OUT, endings=(WEBP,), keeps_format=False, template="{stem}-{source_ext}.{ext}"), {},
        ["/out/a-png.webp", "/out/a-jpg.webp"],
    ),
    (["s/a.png", "t/a.png"], Naming(out=OUT, template="{parent}-{stem}.{ext}"), {}, ["/out/s/s-a.png", "/out/t/t-a.png"]),
    # A result that would be another original, or its own: no option but never gives way.
    (["a.png", "a.webp"], Naming(in_place=True, endings=(WEBP,), keeps_format=False), {}, 2),
    (["a.png", "a.webp"], Naming(in_place=True, endings=(WEBP,), keeps_format=False, overwrite=Overwrite.ALWAYS), {}, 1),
    (["a.png"], Naming(template="{stem}.{ext}"), {}, 1),
    (["a.png"], Naming(template="{stem}.{ext}", overwrite=Overwrite.ALWAYS), {}, 1),
    (["a.png"], Naming(template="{stem}.{ext}", overwrite=Overwrite.SMALLER), {}, 1),
    (["a.png"], Naming(template="{stem}.{ext}", overwrite=Overwrite.NEVER), {}, []),
    # Names that are one on systems that ignore case, or how accents are coded.
    (["a.png", "A.jpg"], Naming(out=OUT, endings=(WEBP,), keeps_format=False), {}, 2),
    (["a.png", "A.png"], Naming(out=OUT), {}, 2),
    (["a.png", "A.png"], Naming(), {}, ["/in/a.min.png", "/in/A.min.png"]),
    (["a.png", "A.png"], Naming(in_place=True), {}, ["/in/a.png", "/in/A.png"]),
    (["\u00e9.png", "e\u0301.png"], Naming(out=OUT), {}, 2),
    (["s/a.png", "S/a.png"], Naming(out=OUT), {}, 2),
    # A file where another result needs a folder.
    (["a.png", "a.png/b.png"], Naming(out=OUT), {}, 1),
    # The format is known only later: every name that may come is planned.
    (["a.png"], Naming(endings=(JPEG, PNG, WEBP)), {}, ["/in/a.min.png", "/in/a.min.jpg", "/in/a.min.webp"]),
    (["a.png"], Naming(endings=(JPEG, PNG, WEBP)), {"in_a_min_webp": file("/in/a.min.webp")}, 1),
    (["a.png", "a.jpg"], Naming(out=OUT, endings=(JPEG, PNG, WEBP)), {}, 2),
    (["a.bmp"], Naming(out=OUT, turns={".bmp": PNG}), {}, ["/out/a.bmp", "/out/a.png"]),
]  # fmt: skip


@pytest.mark.parametrize(("paths", "naming", "standing", "expected"), TABLE)
def test_names_are_planned_before_any_work(
    paths: list[str], naming: Naming, standing: dict[str, Standing], expected: list[str] | int
) -> None:
    planned = run(paths, naming, **standing)
    if isinstance(expected, int):
        assert len(planned.conflicts) == expected, planned
        assert all(conflict.why for conflict in planned.conflicts)
    else:
        assert not planned.conflicts, planned.conflicts
        assert [str(target) for pair in planned.pairs for target in pair.targets] == expected


def test_a_plan_is_the_same_for_the_same_question() -> None:
    for paths, naming, standing, _ in TABLE:
        assert run(paths, naming, **standing) == run(paths, naming, **standing)
