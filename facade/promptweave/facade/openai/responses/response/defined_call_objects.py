"""Objects of calls of tools that OpenAI defines and the client runs."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

_ID = Field(description="The id of the item, for references to it")
_CALL_ID = Field(description="The id of the call, for the item with its output")
_STATUS = Field(description="`completed`: a truncated call is not in the output")

Status = Literal["in_progress", "completed"]


class ShellAction(TypedDict):
    """What to run."""

    commands: Annotated[list[str], Field(description="The commands, in order")]
    timeout_ms: Annotated[int | None, Field(description="Milliseconds after which to stop them")]
    max_output_length: Annotated[int | None, Field(description="Characters of output to return, at most")]


class LocalEnvironment(TypedDict):
    """Where to run it."""

    type: Annotated[Literal["local"], Field(description="Always `local`: the client runs it")]


class OutputShellCall(TypedDict):
    """A call of the tool `shell`."""

    id: Annotated[str, _ID]
    type: Annotated[Literal["shell_call"], Field(description="The kind of item")]
    status: Annotated[Status, _STATUS]
    call_id: Annotated[str, _CALL_ID]
    action: Annotated[ShellAction, Field(description="What to run")]
    environment: Annotated[LocalEnvironment, Field(description="Where to run it")]


class LocalShellAction(TypedDict):
    """The command to run."""

    type: Annotated[Literal["exec"], Field(description="The kind of action")]
    command: Annotated[list[str], Field(description="The program and its arguments")]
    env: Annotated[dict[str, str], Field(description="Always empty")]
    working_directory: NotRequired[Annotated[str, Field(description="Where to run it")]]
    timeout_ms: NotRequired[Annotated[int, Field(description="Milliseconds after which to stop it")]]


class OutputLocalShellCall(TypedDict):
    """A call of the tool `local_shell`."""

    id: Annotated[str, _ID]
    type: Annotated[Literal["local_shell_call"], Field(description="The kind of item")]
    status: Annotated[Status, _STATUS]
    call_id: Annotated[str, _CALL_ID]
    action: Annotated[LocalShellAction, Field(description="The command to run")]


class PatchOperation(TypedDict):
    """A change of a file."""

    type: Annotated[Literal["create_file", "update_file", "delete_file"], Field(description="The kind of change")]
    path: Annotated[str, Field(description="The path of the file")]
    diff: NotRequired[Annotated[str, Field(description="The lines to remove and to add, with context (V4A)")]]


class OutputApplyPatchCall(TypedDict):
    """A call of the tool `apply_patch`."""

    id: Annotated[str, _ID]
    type: Annotated[Literal["apply_patch_call"], Field(description="The kind of item")]
    status: Annotated[Status, _STATUS]
    call_id: Annotated[str, _CALL_ID]
    operation: Annotated[PatchOperation, Field(description="The change")]


class OutputComputerCall(TypedDict):
    """A call of the tool `computer` or `computer_use_preview`."""

    id: Annotated[str, _ID]
    type: Annotated[Literal["computer_call"], Field(description="The kind of item")]
    status: Annotated[Status, _STATUS]
    call_id: Annotated[str, _CALL_ID]
    action: NotRequired[Annotated[dict[str, Any], Field(description="The action, of `computer_use_preview`")]]
    actions: NotRequired[Annotated[list[dict[str, Any]], Field(description="The actions, of `computer`")]]
    pending_safety_checks: Annotated[list[dict[str, Any]], Field(description="Always empty")]


DefinedCallItem = OutputShellCall | OutputLocalShellCall | OutputApplyPatchCall | OutputComputerCall
