"""Builds Generate requests, and collects their complete responses."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
import pytest

from promptweave.output.tree import Node, Region, Syntax, TextNode
from promptweave.output.wire import syntax_to_wire
from promptweave.rpc.client_errors import from_rpc_error
from promptweave.rpc.status import RemoteError
from promptweave.v1 import inference_pb2, prompt_compiler_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub

TIMEOUT_S = 30


def text(words: str) -> prompt_compiler_pb2.PromptSegment:
    """A segment of the template."""
    return prompt_compiler_pb2.PromptSegment(text=words)


def plain(words: str) -> prompt_compiler_pb2.PromptSegment:
    """A segment of somebody's text."""
    return prompt_compiler_pb2.PromptSegment(plain_text=words)


def program(
    *segments: prompt_compiler_pb2.PromptSegment, root: Node | None = None, prefix: str = "", **fields: Any
) -> prompt_compiler_pb2.CompiledPrompt:
    """A compiled prompt; free text unless told otherwise."""
    syntax = syntax_to_wire(Syntax(root or TextNode(Region.CONTENT), prefix))
    return prompt_compiler_pb2.CompiledPrompt(version=1, segments=segments or [text("hello")], syntax=syntax, **fields)


def request(prompt: prompt_compiler_pb2.CompiledPrompt | None = None, **fields: Any) -> inference_pb2.GenerateRequest:
    """A request."""
    return inference_pb2.GenerateRequest(prompt=prompt or program(), **fields)


def sampling(**fields: Any) -> inference_pb2.Sampling:
    """Sampling parameters."""
    return inference_pb2.Sampling(**fields)


def endless(**fields: Any) -> inference_pb2.GenerateRequest:
    """A request that goes on until the context is full."""
    return request(program(gbnf='root ::= "a" root'), **fields)


def literal_grammar(words: str) -> str:
    """A grammar of one text. The engine has no choice, and the vocabulary is bytes: every character is a token or more."""
    escaped = words.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'root ::= "{escaped}"'


@dataclass
class Answer:
    """A message, put together from its events."""

    content: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    """Names and arguments."""
    kinds: list[str] = field(default_factory=list)
    """What kinds of delta came, in order; runs of one kind count once."""
    positions: list[inference_pb2.Logprobs.Position] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    finish: inference_pb2.Finish = field(default_factory=inference_pb2.Finish)

    def add(self, events: Iterable[inference_pb2.GenerateEvent]) -> None:
        """Takes the events of a response."""
        for event in events:
            assert not self.finish.reason, "nothing follows the finish"
            if event.HasField("finish"):
                self.finish = event.finish
                continue
            self.positions += event.logprobs.positions
            self.ids += event.tokens.ids
            if not event.HasField("delta"):
                continue
            kind = event.delta.WhichOneof("delta")
            assert kind
            if self.kinds[-1:] != [kind]:
                self.kinds.append(kind)
            self.content += event.delta.content
            self.reasoning += event.delta.reasoning
            if kind == "tool_call":
                assert event.delta.tool_call.index == len(self.calls)
                self.calls.append((event.delta.tool_call.name, ""))
            elif kind == "tool_call_fragment":
                name, arguments = self.calls[-1]
                self.calls[-1] = (name, arguments + event.delta.tool_call_fragment.text)


async def answer(stub: InferenceServiceStub, asked: inference_pb2.GenerateRequest) -> Answer:
    """The whole answer."""
    whole = await read_on(stub.Generate(asked, timeout=TIMEOUT_S))
    assert whole.finish.reason, "an answer ends with its finish"
    return whole


async def answers(stub: InferenceServiceStub, asked: inference_pb2.GenerateRequest) -> list[Answer]:
    """The whole answers to a request for several."""
    whole = [Answer() for _ in range(asked.n)]
    async for response in stub.Generate(asked, timeout=TIMEOUT_S):
        for event in response.events:
            whole[event.index].add([event])
    assert all(each.finish.reason for each in whole), "an answer ends with its finish"
    return whole


async def read_on(call: Any, rest: Answer | None = None) -> Answer:
    """What is left of an answer, after some of it was read. `rest`: gets it, also where an error ends the call."""
    rest = rest or Answer()
    while (response := await call.read()) is not grpc.aio.EOF:
        rest.add(response.events)
    return rest


async def refused_rest(call: Any) -> RemoteError:
    """The error that ends a call which was read in part."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await read_on(call)
    return from_rpc_error(raised.value)


async def refused(stub: InferenceServiceStub, asked: inference_pb2.GenerateRequest) -> RemoteError:
    """The error that ends the call."""
    return await refused_rest(stub.Generate(asked, timeout=TIMEOUT_S))
