"""Use cases, one file each. They know the sandbox, never a codec and never HTTP."""
