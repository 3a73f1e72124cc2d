"""``pixlean completion``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cyclopts import App


def completion_of(app: App) -> Callable[[Literal["bash", "zsh", "fish"]], None]:
    """The command that completes what ``app`` has."""

    def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
        """Print what lets a shell complete commands, options and choices.

        Parameters
        ----------
        shell
            The shell that is to complete.
        """
        print(app.generate_completion(shell=shell))

    return completion
