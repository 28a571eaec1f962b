"""Many invented tools of eleven MCP servers, as agents with many servers send them."""

from collections.abc import Iterator
from typing import Any

from promptweave.v1 import chat_pb2

SERVERS = {
    "calendar": ("event", "meeting", "reminder", "invitation", "availability"),
    "mail": ("message", "draft", "attachment", "folder", "signature"),
    "github": ("issue", "pull_request", "branch", "release", "workflow_run"),
    "files": ("file", "directory", "archive", "permission", "symlink"),
    "weather": ("forecast", "storm_alert", "rain_radar", "tide_table", "pollen_report"),
    "database": ("table", "index", "query_plan", "backup", "user_account"),
    "music": ("playlist", "album", "song", "artist_page", "lyrics_sheet"),
    "travel": ("flight", "hotel_room", "rental_car", "train_ticket", "visa_application"),
    "shop": ("order", "shopping_cart", "refund", "coupon", "product_review"),
    "tickets": ("support_ticket", "escalation", "knowledge_article", "survey", "sla_report"),
    "cloud": ("virtual_machine", "load_balancer", "storage_bucket", "dns_record", "ssl_certificate"),
}
VERBS = ("create", "list", "update", "delete", "export")
MANY = 263
"""The number of tools of an agent that was seen."""


def many_functions(number: int = MANY) -> list[dict[str, Any]]:
    """The tools: each with a name, a description and the schema of its parameters."""
    return [*_functions()][:number]


def many_tools(number: int = MANY, **more: Any) -> list[dict[str, Any]]:
    """The tools as those of a chat request."""
    return [{"type": "function", "function": function, **more} for function in many_functions(number)]


def deferred(name: str, description: str = "", namespace: str = "", parameters: str | None = None) -> chat_pb2.Tool:
    """A deferred tool of the contract."""
    function = chat_pb2.FunctionTool(name=name, description=description, parameters=parameters)
    return chat_pb2.Tool(function=function, namespace=namespace, defer_loading=True)


def _functions() -> Iterator[dict[str, Any]]:
    for server, things in SERVERS.items():
        for thing in things:
            for verb in VERBS:
                words = thing.replace("_", " ")
                yield {
                    "name": f"mcp__{server}__{verb}_{thing}",
                    "description": (
                        f"{verb.capitalize()}s a {words} in the {server} service. Requires the id of the workspace. The "
                        f"result is a JSON object that describes the {words} after the operation, with the time of the "
                        "change and the user who made it."
                    ),
                    "parameters": {
                        "type": "object",
                        "properties": {
                            "workspace": {"type": "string", "description": "The id of the workspace"},
                            f"{thing}_name": {"type": "string", "description": f"The name of the {words}"},
                            "dry_run": {
                                "type": "boolean",
                                "description": "Whether to only check the arguments, without making a change",
                            },
                        },
                        "required": ["workspace"],
                    },
                }
