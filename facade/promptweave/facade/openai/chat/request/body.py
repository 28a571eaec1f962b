"""The body of a chat completion request, as OpenAI's clients send it."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from promptweave.facade.bodies.body import Body, example, read_body
from promptweave.facade.bodies.examples import MESSAGES, TOOL, TOOL_DESCRIPTION, TRIP
from promptweave.facade.options import RepeatedCalls

CHAT_EXAMPLE = {
    "model": "gpt-4o",
    "messages": MESSAGES,
    "tools": [{"type": "function", "function": {"name": TOOL, "description": TOOL_DESCRIPTION, "parameters": TRIP}}],
    "tool_choice": {"type": "function", "function": {"name": TOOL}},
}


def _without_nulls(value: Any) -> Any:
    """Return a list with an empty object for each null: positions stay the same."""
    return [{} if item is None else item for item in value] if isinstance(value, list) else value


class FunctionCall(Body):
    """A function call. Some clients send the arguments as a JSON value; "" is a call without arguments."""

    name: str = ""
    """The name of the function."""
    arguments: Any = ""
    """The arguments, as JSON text. Others than an object are shown to the model as text, with a warning."""


class CustomCall(Body):
    """A call of a custom tool."""

    name: str = ""
    """The name of the tool."""
    input: str = ""
    """The input."""


class ToolCall(Body):
    """A tool call in the history."""

    id: str = ""
    """The id of the call."""
    type: str = "function"
    """The kind of tool: `function` or `custom`. Other calls are shown to the model as text, with a warning."""
    function: FunctionCall | None = None
    """The function that was called."""
    custom: CustomCall | None = None
    """The custom tool that was called."""
    namespace: str = ""
    """The namespace of the tool, if it has one."""


class ImageUrl(Body):
    """The location of an image: a data URL."""

    url: str
    """The location of the image: a data URL."""


def _as_url(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


class ContentPart(Body):
    """A part of a message's content."""

    type: str = "text"
    """The kind of part: `text`, `image_url`, `refusal` or `tool_reference`. Others are left out, with a warning."""
    text: str = ""
    """The text."""
    refusal: str = ""
    """The text of a refusal."""
    image_url: Annotated[ImageUrl | None, BeforeValidator(_as_url)] = None
    """The image."""
    tool_name: str = ""
    """The name of a tool with `defer_loading`, which is available from here on, with `tool_reference`."""
    namespace: str = ""
    """The namespace of that tool, if it has one."""


def _as_parts(value: Any) -> Any:
    """Return the parts of a content; some clients send texts among them."""
    if not isinstance(value, list):
        return value
    return [{"text": part} if isinstance(part, str) else part for part in _without_nulls(value)]


class Message(Body):
    """A message of any role."""

    role: str
    """The author: `system`, `developer`, `user`, `assistant`, `tool` or `function`. Others are replaced, with a warning."""
    content: str | Annotated[list[ContentPart], BeforeValidator(_as_parts)] | None = None
    """The text, or parts of text and images."""
    name: str | None = None
    """The name of the function, with the role `function` (deprecated)."""
    tool_calls: Annotated[list[ToolCall], BeforeValidator(_without_nulls)] = []
    """The calls in a message of the model."""
    tool_call_id: str | None = None
    """The id of the call whose result this is, with the role `tool`; by default the first call without a result."""
    function_call: FunctionCall | None = None
    """The call in a message of the model (deprecated: use `tool_calls`)."""
    refusal: str | None = None
    """The refusal in a message of the model."""
    reasoning_content: str | None = None
    """The reasoning in a message of the model."""
    tools: list["Tool"] = []
    """Tools that are available from this message on. promptweave's addition."""


class Function(Body):
    """A function that the model may call."""

    name: str
    """The name of the function."""
    description: str = ""
    """What the function does, for the model."""
    parameters: dict[str, Any] | bool | None = None
    """The JSON Schema of the arguments."""
    strict: bool | None = None
    """Reject a schema that cannot be enforced completely, instead of returning a warning."""


class GrammarDefinition(Body):
    """A grammar for texts. OpenAI has two notations; `gbnf`, llama.cpp's, is promptweave's addition."""

    syntax: Literal["lark", "regex", "gbnf"]
    """The notation."""
    definition: str
    """The grammar."""


class CustomFormat(Body):
    """The format of a custom tool's input."""

    type: Literal["text", "grammar"]
    """The kind of format."""
    grammar: GrammarDefinition | None = None
    """The grammar of the input."""


class Custom(Body):
    """A tool whose input is text."""

    name: str
    """The name of the tool."""
    description: str = ""
    """What the tool does, for the model."""
    format: CustomFormat | None = None
    """The format of the input; by default any text."""


class Tool(Body):
    """A tool that the model may call."""

    type: str = "function"
    """The kind of tool: `function` or `custom`. Others are left out, with a warning."""
    function: Function | None = None
    """The function."""
    custom: Custom | None = None
    """The custom tool."""
    namespace: str = ""
    """What the tool belongs to, such as an MCP server: the model sees `namespace__name`, and calls have both."""
    defer_loading: bool = False
    """Whether to show the tool to the model only after a `tool_reference` to it."""


class Named(Body):
    """A tool's name, in a tool choice."""

    name: str
    """The name of the tool."""


class ToolName(Body):
    """A tool, in a tool choice."""

    type: str = "function"
    """The kind of tool: `function` or `custom`. Others are left out, with a warning."""
    function: Named | None = None
    """The function."""
    custom: Named | None = None
    """The custom tool."""
    namespace: str = ""
    """The namespace of the tool, if it has one."""


class AllowedTools(Body):
    """The tools that may be called."""

    mode: Literal["auto", "required"]
    """`required`: at least one call."""
    tools: list[ToolName]
    """The tools that may be called."""


class ToolChoiceObject(Body):
    """A tool choice that names tools."""

    type: str = "function"
    """`function` or `custom`: a call of this tool; `allowed_tools`: only some of the tools."""
    function: Named | None = None
    """The function to call."""
    custom: Named | None = None
    """The custom tool to call."""
    namespace: str = ""
    """The namespace of that tool, if it has one."""
    allowed_tools: AllowedTools | None = None
    """The tools that may be called."""


class JsonSchema(Body):
    """The schema of an answer."""

    name: str = ""
    """A name for the answer, for the model."""
    description: str = ""
    """What the answer is, for the model."""
    schema_: dict[str, Any] | bool | None = Field(None, alias="schema")
    """The JSON Schema of the answer."""
    strict: bool | None = None
    """Reject a schema that cannot be enforced completely, instead of returning a warning."""


class ResponseFormat(JsonSchema):
    """The format of the answer; the schema is nested in `json_schema` as in OpenAI's API, or flat as some clients send it.

    promptweave adds `grammar`, whose `grammar` is GBNF or an object with a syntax, and `regex` with a `pattern`.
    """

    type: Literal["text", "json_object", "json_schema", "grammar", "regex", "structural_tag"]
    """The kind of format; `structural_tag` is refused."""
    json_schema: JsonSchema | None = None
    """The schema, with `json_schema`."""
    grammar: GrammarDefinition | str | None = None
    """The grammar, with `grammar`."""
    pattern: str | None = None
    """The regular expression, with `regex`."""


class Reasoning(Body):
    """The reasoning, as some clients send it."""

    enabled: bool | None = None
    """Whether to reason, for chat templates that support both."""
    effort: str | None = None
    """The same as `reasoning_effort`."""
    max_tokens: int | None = Field(None, ge=0, lt=2**32)
    """Tokens of reasoning, at most."""


class StreamOptions(Body):
    """Options of the stream."""

    include_usage: bool = False
    """Whether the last chunk has the token counts."""
    include_obfuscation: bool = False
    """Must be false: streams are not padded."""


def _one_as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class ChatBody(Body):
    """The request. Fields that only other servers of OpenAI's API know (`user`, `store`, ...) are tolerated."""

    model_config = example(CHAT_EXAMPLE)

    messages: list[Message]
    """The conversation."""
    model: str | None = None
    """The model; by default the one that is loaded."""
    tools: list[Tool] = []
    """The tools that the model may call."""
    tool_choice: Literal["none", "auto", "required", "any"] | ToolChoiceObject | None = None
    """Which tools the model may or must call; by default any or none. `any`: the same as `required`."""
    parallel_tool_calls: bool | None = None
    """Whether a message may have several calls; by default it may."""
    functions: list[Function] = []
    """The functions that the model may call (deprecated: use `tools`)."""
    function_call: Literal["none", "auto"] | Named | None = None
    """Which function to call (deprecated: use `tool_choice`)."""
    response_format: ResponseFormat | None = None
    """The format of the answer; by default text."""
    stream: bool = False
    """Whether to send the response as server-sent events, while it is generated."""
    stream_options: StreamOptions = Field(StreamOptions(), description="Options of the stream")
    stop: Annotated[list[str], BeforeValidator(_one_as_list)] = []
    """Texts that end the answer; they are not part of it."""
    max_tokens: int | None = Field(None, ge=1)
    """An older name of `max_completion_tokens`."""
    max_completion_tokens: int | None = Field(None, ge=1)
    """Generated tokens of each choice, at most; by default up to the end of the context."""
    n: int = Field(1, ge=1, le=128)
    """The number of choices."""
    seed: int | None = None
    """The seed of the sampler: the same request with the same seed has the same answer."""
    logprobs: bool = False
    """Whether to return log-probabilities of the content."""
    top_logprobs: int | None = Field(None, ge=0, le=20)
    """The number of most likely tokens to return at each position."""
    logit_bias: dict[str, float] = {}
    """Token, as id or text → what is added to its logit, from -100 to 100."""
    service_tier: str | None = None
    """Any tier; there is one, and the response says `default`."""
    verbosity: str | None = None
    """`low` or `high`: the prompt asks for a short or a detailed answer; `medium`, the default, for neither."""
    reasoning_effort: str | None = None
    """How much to reason: `none` and `minimal` turn it off, others turn it on, if the chat template can."""
    reasoning: Reasoning | None = None
    """Limits of the reasoning."""
    prompt_cache_key: str | None = None
    """The same key for conversations that begin alike: they share an engine's cache."""
    # promptweave's additions.
    grammar: str | None = None
    """A GBNF grammar of the answer, as llama.cpp's clients send it."""
    thinking_budget_tokens: int | None = Field(None, ge=-1, lt=2**32)
    """Tokens of reasoning, at most; -1: no limit."""
    chat_template_kwargs: dict[str, Any] = {}
    """Variables for the chat template, such as `enable_thinking`."""
    tool_style: str = ""
    """The syntax of calls, such as `hermes`; by default the chat template's own."""
    parse_special_in_content: bool = False
    """Whether texts of special tokens in messages become those tokens. Only for trusted messages."""
    continue_final_message: bool = False
    """Whether the answer continues the last message, which must be the model's."""
    schema_style: Literal["json", "typescript"] | None = None
    """How schemas are written in the prompt, if the chat template does not write them."""
    repeated_calls: RepeatedCalls | None = None
    """If the conversation ends with the same call and result three times: `warn`, or `prevent` that call in this answer."""
    think_first: bool | None = None
    """Whether the model thinks before a call or a formatted answer, also if its chat template has no reasoning."""
    explain: bool = False
    """Whether to return all tokens, with their regions, and timings."""
    session_id: str | None = None
    """The session to continue, or to create: its end of the cache is kept for the next request."""
    parent_session_id: str | None = None
    """The session that a new session starts from."""
    fast_forward: bool | None = None
    """Whether text that the grammar forces may be appended instead of sampled; by default as the service does."""


def read_chat_body(body: Any) -> ChatBody:
    """Parse the request in a JSON value. Raises RequestError, whose path is the position in `body`."""
    return read_body(ChatBody, body)
