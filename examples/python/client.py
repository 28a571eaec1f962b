"""Compile a request with tools, run it, print the tool calls. Usage: client.py [COMPILER [INFERENCE]]"""

import json
import sys

import grpc

from promptweave.v1 import chat_pb2, inference_pb2, output_pb2, prompt_compiler_pb2
from promptweave.v1.inference_pb2_grpc import InferenceServiceStub
from promptweave.v1.prompt_compiler_pb2_grpc import PromptCompilerServiceStub

SCHEMA = {
    "type": "object",
    "properties": {"location": {"type": "string"}, "format": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
    "required": ["location", "format"],
}


def main(compiler_address: str = "127.0.0.1:50051", inference_address: str = "127.0.0.1:50052") -> None:
    with grpc.insecure_channel(compiler_address) as to_compiler, grpc.insecure_channel(inference_address) as to_inference:
        compiler, inference = PromptCompilerServiceStub(to_compiler), InferenceServiceStub(to_inference)

        # The inference service provides the template; the compiler needs nothing else from the model.
        model = inference.GetModel(inference_pb2.GetModelRequest(), timeout=10).model
        question = chat_pb2.ContentPart(text="What is the weather like in San Francisco?")
        weather = chat_pb2.FunctionTool(
            name="get_current_weather", description="Get the current weather", parameters=json.dumps(SCHEMA)
        )
        compiled = compiler.Compile(
            prompt_compiler_pb2.CompileRequest(
                template=prompt_compiler_pb2.TemplateRef(inline=model.template),
                messages=[chat_pb2.Message(role=chat_pb2.ROLE_USER, content=[question])],
                tools=[chat_pb2.Tool(function=weather)],
                tool_choice=chat_pb2.ToolChoice(required=chat_pb2.ToolChoice.Required()),
            ),
            timeout=30,
        )

        calls: dict[int, dict[str, str]] = {}
        request = inference_pb2.GenerateRequest(
            prompt=compiled.prompt, max_tokens=2000, sampling=inference_pb2.Sampling(seed=1)
        )
        for response in inference.Generate(request, timeout=300):
            for event in response.events:
                match event.delta.WhichOneof("delta"):
                    case "tool_call":
                        header = event.delta.tool_call
                        calls[header.index] = {"id": header.id, "name": header.name, "arguments": ""}
                    case "tool_call_fragment":
                        calls[event.delta.tool_call_fragment.index]["arguments"] += event.delta.tool_call_fragment.text
                    case "tool_call_end":
                        print(json.dumps(calls[event.delta.tool_call_end.index]))
                if event.HasField("finish"):
                    print(output_pb2.FinishReason.Name(event.finish.reason))


if __name__ == "__main__":
    main(*sys.argv[1:])
