"""FastMCP made from an OpenAPI document of the store's order calls, over stdio.

    STORE_URL=… STORE_KEY=… PYTHON tests/benchmarks/peers/openapi_forwarder.py

PYTHON is the one of the venv that peers/requirements.txt was installed into.
"""

import json
import os
from pathlib import Path

import httpx2
from fastmcp import FastMCP

document = json.loads(Path(__file__).with_name("clawver_openapi.json").read_text("utf-8"))
store = httpx2.AsyncClient(
    base_url=os.environ["STORE_URL"] + "/v1",
    headers={"Authorization": f"Bearer {os.environ['STORE_KEY']}"},
    trust_env=False,
)

if __name__ == "__main__":
    # The banner is written to stderr and looks for a newer version on the network.
    FastMCP.from_openapi(document, client=store, name="openapi-forwarder").run(show_banner=False)
