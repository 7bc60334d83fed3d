"""The tools an agent sees: `declare` says what a tool is; one small file per family of tools."""
