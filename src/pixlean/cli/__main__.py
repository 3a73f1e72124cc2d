"""``python -m pixlean.cli``."""

from pixlean.cli import main

main()
