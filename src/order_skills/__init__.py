"""order-skills: order tools for AI agents, as a Model Context Protocol server.

Importing the package does nothing; see `order_skills.cli` for the commands and
`references/architecture.md` for where things live.
"""

__version__ = "0.1.0"
