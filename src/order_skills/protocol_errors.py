"""Our errors where the protocol has no results that are errors: in prompts and resources."""

from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS

from order_skills.errors import AgentError


def protocol_error(error: AgentError) -> MCPError:
    """The error of a refused request; its text begins with the code, and `data.code` is it."""
    return MCPError(code=INVALID_PARAMS, message=str(error), data={"code": str(error.code)})
