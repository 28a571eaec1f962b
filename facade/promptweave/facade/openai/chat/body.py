"""The body of a chat completion request, as OpenAI's clients send it."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from promptweave.facade.bodies.body import Body, read_body


class FunctionCall(Body):
    """A function call. Some clients send the arguments as an object; "" is a call without arguments."""

    name: str
    arguments: str | dict[str, Any] = ""


class CustomCall(Body):
    """A call of a custom tool."""

    name: str
    input: str = ""


class ToolCall(Body):
    """A tool call in the history."""

    id: str = ""
    type: Literal["function", "custom"] = "function"
    function: FunctionCall | None = None
    custom: CustomCall | None = None


class ImageUrl(Body):
    """The location of an image: a data URL."""

    url: str


class ContentPart(Body):
    """A part of a message's content."""

    type: str
    text: str = ""
    refusal: str = ""
    image_url: ImageUrl | None = None


class Message(Body):
    """A message of any role."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None
    name: str | None = None
    tool_calls: list[ToolCall] = []
    tool_call_id: str | None = None
    function_call: FunctionCall | None = None
    refusal: str | None = None
    reasoning_content: str | None = None


class Function(Body):
    """A function that the model may call."""

    name: str
    description: str = ""
    parameters: dict[str, Any] | bool | None = None
    strict: bool | None = None


class GrammarDefinition(Body):
    """A grammar for texts. OpenAI has two notations; `gbnf`, llama.cpp's, is promptweave's addition."""

    syntax: Literal["lark", "regex", "gbnf"]
    definition: str


class CustomFormat(Body):
    """The format of a custom tool's input."""

    type: Literal["text", "grammar"]
    grammar: GrammarDefinition | None = None


class Custom(Body):
    """A tool whose input is text."""

    name: str
    description: str = ""
    format: CustomFormat | None = None


class Tool(Body):
    """A tool that the model may call."""

    type: Literal["function", "custom"]
    function: Function | None = None
    custom: Custom | None = None


class Named(Body):
    """A tool's name, in a tool choice."""

    name: str


class ToolName(Body):
    """A tool, in a tool choice."""

    type: Literal["function", "custom"]
    function: Named | None = None
    custom: Named | None = None


class AllowedTools(Body):
    """The tools that may be called."""

    mode: Literal["auto", "required"]
    tools: list[ToolName]


class ToolChoiceObject(Body):
    """A tool choice that names tools."""

    type: Literal["function", "custom", "allowed_tools"]
    function: Named | None = None
    custom: Named | None = None
    allowed_tools: AllowedTools | None = None


class JsonSchema(Body):
    """The schema of an answer."""

    name: str = ""
    description: str = ""
    schema_: dict[str, Any] | bool | None = Field(None, alias="schema")
    strict: bool | None = None


class ResponseFormat(JsonSchema):
    """The format of the answer; the schema is nested in `json_schema` as in OpenAI's API, or flat as some clients send it.

    promptweave adds `grammar`, whose `grammar` is GBNF or an object with a syntax, and `regex` with a `pattern`.
    """

    type: Literal["text", "json_object", "json_schema", "grammar", "regex"]
    json_schema: JsonSchema | None = None
    grammar: GrammarDefinition | str | None = None
    pattern: str | None = None


class Reasoning(Body):
    """The reasoning budget, as some clients send it."""

    max_tokens: int | None = Field(None, ge=0, lt=2**32)


class StreamOptions(Body):
    """Options of the stream."""

    include_usage: bool = False
    include_obfuscation: bool = False


def _one_as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class ChatBody(Body):
    """The request. Fields that only other servers of OpenAI's API know (`user`, `store`, ...) are tolerated."""

    messages: list[Message]
    model: str | None = None
    tools: list[Tool] = []
    tool_choice: Literal["none", "auto", "required"] | ToolChoiceObject | None = None
    parallel_tool_calls: bool | None = None
    functions: list[Function] = []
    function_call: Literal["none", "auto"] | Named | None = None
    response_format: ResponseFormat | None = None
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    stop: Annotated[list[str], BeforeValidator(_one_as_list)] = []
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    n: int = Field(1, ge=1, le=128)
    seed: int | None = None
    logprobs: bool = False
    top_logprobs: int | None = Field(None, ge=0, le=20)
    logit_bias: dict[str, float] = {}
    service_tier: str | None = None
    verbosity: str | None = None
    reasoning_effort: str | None = None
    reasoning: Reasoning | None = None
    prompt_cache_key: str | None = None
    # promptweave's additions.
    grammar: str | None = None
    thinking_budget_tokens: int | None = Field(None, ge=-1, lt=2**32)
    chat_template_kwargs: dict[str, Any] = {}
    tool_style: str = ""
    parse_special_in_content: bool = False
    continue_final_message: bool = False
    schema_style: Literal["json", "typescript"] | None = None
    explain: bool = False
    session_id: str | None = None
    parent_session_id: str | None = None
    fast_forward: bool | None = None


def read_chat_body(body: Any) -> ChatBody:
    """Parse the request in a JSON value. Raises RequestError, whose path is the position in `body`."""
    return read_body(ChatBody, body)
