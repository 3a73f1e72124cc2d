"""Files in memory."""

from __future__ import annotations

import os

import pytest

from pixlean.domain.memory import MemoryFile, read_all, write_all


def test_what_is_written_is_read() -> None:
    with MemoryFile("test") as file:
        assert file.size_bytes == 0 and file.read_all() == b""
        file.append(b"hello")
        file.append(b" you")
        assert (file.read_all(), file.read_head(5), file.read_head(99)) == (b"hello you", b"hello", b"hello you")
        file.write_all(b"J")
        assert file.read_all() == b"Jello you" and file.size_bytes == 9
        write_all(file.fileno(), b"M")
        assert read_all(file.descriptor) == b"Mello you"


def test_a_file_is_closed_once_and_lets_go_of_its_number() -> None:
    with MemoryFile("test") as file:
        number = file.descriptor
        file.close()
    again = os.open(os.devnull, os.O_RDONLY)
    assert again == number, "the kernel hands out the lowest number that is free"
    file.close()
    os.fstat(again)
    os.close(again)
    with pytest.raises(OSError):
        file.append(b"x")


def test_an_error_in_the_block_closes_the_file() -> None:
    with pytest.raises(ZeroDivisionError):
        with MemoryFile("test") as file:
            raise ZeroDivisionError
    assert file.descriptor == -1


def test_a_kernel_without_memory_files_gets_an_unlinked_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    with MemoryFile("test") as file:
        file.append(b"hello")
        assert file.read_all() == b"hello"
