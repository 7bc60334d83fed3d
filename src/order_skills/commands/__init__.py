"""The commands of the command line, one file each."""

# The agent hosts whose configuration `config HOST` prints.
HOSTS = ("claude-desktop", "claude-code", "cursor", "vscode")
