"""What happens to good clients while something goes wrong: ``python -m benchmarks.faults NAME|all [--short]``."""
