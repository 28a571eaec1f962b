"""Objects of the responses of llama.cpp's own routes and of the prompt compiler's."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from promptweave.facade.openai.chat.response.objects import CalledCustomTool, CalledFunction, WarningObject


class TokenPiece(TypedDict):
    """A token and its text."""

    id: Annotated[int, Field(ge=0, description="The id of the token")]
    piece: Annotated[str | list[int], Field(description="The text of the token, or its bytes if they are not UTF-8")]


class TokenList(TypedDict):
    """The tokens of a text."""

    tokens: Annotated[list[int] | list[TokenPiece], Field(description="Token ids; with `with_pieces` their texts as well")]


class DetokenizedText(TypedDict):
    """The text of some tokens."""

    content: Annotated[str, Field(description="The text")]


class GenerationSettings(TypedDict):
    """Settings of each request."""

    n_ctx: Annotated[int, Field(ge=0, description="The context of a request, in tokens")]


class Modalities(TypedDict):
    """What the model accepts besides text."""

    vision: Annotated[bool, Field(description="Whether it accepts images")]
    audio: Annotated[bool, Field(description="Always false")]


class ServerProperties(TypedDict):
    """Properties of the loaded model, in llama.cpp's form."""

    default_generation_settings: Annotated[GenerationSettings, Field(description="Settings of each request")]
    total_slots: Annotated[int, Field(ge=0, description="The number of requests that run concurrently")]
    model_alias: Annotated[str, Field(description="The id of the model")]
    model_path: Annotated[str, Field(description="The same: paths of the server are not shown")]
    modalities: Annotated[Modalities, Field(description="What the model accepts besides text")]
    chat_template: Annotated[str, Field(description="The Jinja source of the chat template")]
    bos_token: Annotated[str, Field(description="The text of the token that begins a prompt")]
    eos_token: Annotated[str, Field(description="The text of the token that ends an answer")]
    build_info: Annotated[str, Field(description="The name and version of the engine")]


class TextSegment(TypedDict):
    """A part of a prompt."""

    text: Annotated[str, Field(description="The text")]
    trusted: Annotated[bool, Field(description="Whether special tokens in the text are tokens, and not plain text")]


class PromptImage(TypedDict):
    """An image in a prompt."""

    mime_type: Annotated[str, Field(description="The format of the image")]
    bytes: Annotated[int, Field(ge=0, description="The size of the image")]


class ImageSegment(TypedDict):
    """An image in a prompt."""

    image: Annotated[PromptImage, Field(description="The image")]


class ExplainedPart(TypedDict):
    """A part of the prompt, and what it comes from."""

    text: Annotated[str, Field(description="The text of the part")]
    path: Annotated[
        str, Field(description="What it comes from: a JSON pointer into the body; empty for the template or the style")
    ]


class ExplainedTools(TypedDict):
    """The tools, as styles render them that do so themselves."""

    json: Annotated[str, Field(description="As JSON Schema")]
    typescript: Annotated[str, Field(description="As TypeScript signatures")]


class PromptExplanation(TypedDict):
    """Where the parts of a prompt and the rules of its grammar come from."""

    parts: Annotated[
        list[ExplainedPart], Field(description="The complete prompt, in parts; empty if their origin is not known")
    ]
    rules: Annotated[dict[str, str], Field(description="Grammar rule → JSON pointer of the schema that it comes from")]
    tools: Annotated[ExplainedTools, Field(description="The tools of the request")]


class CompiledPrompt(TypedDict):
    """A compiled prompt: the prompt, the grammar of its answer, and how to parse that."""

    prompt: Annotated[str, Field(description="The complete text, with U+FFFC for each image")]
    segments: Annotated[list[TextSegment | ImageSegment], Field(description="The prompt in parts, with its images")]
    grammar: Annotated[str | None, Field(description="The grammar of the answer, as GBNF; null if any text is valid")]
    stop: Annotated[list[str], Field(description="Texts that end the answer")]
    syntax: Annotated[dict[str, Any], Field(description="How to parse the output, for `/parse`")]
    style: Annotated[str, Field(description="The syntax of tool calls")]
    warnings: Annotated[list[WarningObject], Field(description="Parts of the request that are not enforced")]
    preserved_tokens: Annotated[
        list[str], Field(description="Special tokens of the output, which the engine must not strip")
    ]
    prefix_key: Annotated[
        str, Field(description="The same for all turns of a conversation, which share a prefix in a cache")
    ]
    template_hash: Annotated[str, Field(description="A hash of the chat template")]
    explanation: NotRequired[
        Annotated[PromptExplanation, Field(description="Where its parts come from, if the request has `explain`")]
    ]


class TemplateDescription(TypedDict):
    """What the compiler has found out about a chat template."""

    profile: Annotated[dict[str, Any], Field(description="promptweave.v1's TemplateProfile, with its field names")]
    template: Annotated[str, Field(description="The Jinja source of the template")]
    bos_token: Annotated[str, Field(description="The text of the token that begins a prompt")]
    eos_token: Annotated[str, Field(description="The text of the token that ends an answer")]
    special_tokens: Annotated[list[str], Field(description="The texts of the model's special tokens")]
    template_hash: Annotated[str, Field(description="A hash of the chat template")]


class ParsedFunctionCall(TypedDict):
    """A call of a function in an output."""

    id: Annotated[str, Field(description="The id of the call")]
    type: Annotated[Literal["function"], Field(description="The kind of tool")]
    function: Annotated[CalledFunction, Field(description="The function that is called")]
    complete: Annotated[bool, Field(description="False: the call was truncated, and its arguments are a prefix")]


class ParsedCustomCall(TypedDict):
    """A call of a custom tool in an output."""

    id: Annotated[str, Field(description="The id of the call")]
    type: Annotated[Literal["custom"], Field(description="The kind of tool")]
    custom: Annotated[CalledCustomTool, Field(description="The tool that is called")]
    complete: Annotated[bool, Field(description="False: the call was truncated, and its arguments are a prefix")]


class ParsedMessage(TypedDict):
    """The message in an output."""

    role: Annotated[Literal["assistant"], Field(description="The author")]
    content: Annotated[str | None, Field(description="The text, if there is any")]
    reasoning_content: Annotated[str | None, Field(description="The reasoning, if there is any")]
    tool_calls: Annotated[list[ParsedFunctionCall | ParsedCustomCall], Field(description="The calls")]


class Violation(TypedDict):
    """A value that violates its schema, and is neither content nor a call."""

    name: Annotated[str, Field(description="The tool that would have been called; empty for content")]
    text: Annotated[str, Field(description="The value, as JSON text")]
    path: Annotated[str, Field(description="What is wrong: a JSON pointer into the value")]
    message: Annotated[str, Field(description="What is wrong with it")]


class ParseWarning(TypedDict):
    """A place where an output violates its syntax; the rest is content."""

    offset: Annotated[int, Field(ge=0, description="The position, in characters of the output")]
    message: Annotated[str, Field(description="What was expected")]


class ParsedOutput(TypedDict):
    """An output as a message."""

    message: Annotated[ParsedMessage, Field(description="The message")]
    finish_reason: Annotated[Literal["stop", "length", "tool_calls"], Field(description="How the output ends")]
    complete: Annotated[bool, Field(description="Whether the output reached the end of its syntax and violates no schema")]
    violations: Annotated[list[Violation], Field(description="Values that violate their schema: neither content nor calls")]
    warnings: Annotated[list[ParseWarning], Field(description="Where the output violates its syntax")]
