"""OpenAI's names of finish reasons, which llama.cpp's API and OpenTelemetry's conventions use, too."""

from collections.abc import Mapping
from typing import Literal

from promptweave.v1 import output_pb2

FinishReason = Literal["stop", "length", "tool_calls"]

FINISH_REASONS: Mapping[output_pb2.FinishReason.ValueType, FinishReason] = {
    output_pb2.FINISH_REASON_STOP: "stop",
    output_pb2.FINISH_REASON_LENGTH: "length",
    output_pb2.FINISH_REASON_TOOL_CALLS: "tool_calls",
}
