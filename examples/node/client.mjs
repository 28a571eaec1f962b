// Compile a request with tools, run it, print the tool calls. Usage: node client.mjs [COMPILER [INFERENCE]]
// Nothing is generated: the .proto files are loaded as they are.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const protos = process.env.PROMPTWEAVE_PROTOS ?? join(dirname(fileURLToPath(import.meta.url)), "..", "..", "proto");
const definition = protoLoader.loadSync(
  ["promptweave/v1/prompt_compiler.proto", "promptweave/v1/inference.proto"],
  // Without oneofs, a message's alternatives could not be told apart; without defaults, absent stays absent.
  { includeDirs: [protos], keepCase: true, oneofs: true, enums: String, longs: Number },
);
const { PromptCompilerService, InferenceService } = grpc.loadPackageDefinition(definition).promptweave.v1;

const [compilerAddress = "127.0.0.1:50051", inferenceAddress = "127.0.0.1:50052"] = process.argv.slice(2);
const compiler = new PromptCompilerService(compilerAddress, grpc.credentials.createInsecure());
const inference = new InferenceService(inferenceAddress, grpc.credentials.createInsecure());

const within = (seconds) => ({ deadline: Date.now() + seconds * 1000 });
const call = (client, method, request) =>
  new Promise((resolve, reject) =>
    client[method](request, within(30), (error, response) => (error ? reject(error) : resolve(response))),
  );

// The model brings the template; the compiler needs nothing else of it.
const { model } = await call(inference, "GetModel", {});
const parameters = JSON.stringify({
  type: "object",
  properties: { location: { type: "string" }, format: { type: "string", enum: ["celsius", "fahrenheit"] } },
  required: ["location", "format"],
});
const { prompt } = await call(compiler, "Compile", {
  template: { inline: model.template },
  messages: [{ role: "ROLE_USER", content: [{ text: "What is the weather like in San Francisco?" }] }],
  tools: [{ function: { name: "get_current_weather", description: "Get the current weather", parameters } }],
  tool_choice: { required: {} },
});

const calls = new Map();
const stream = inference.Generate({ prompt, max_tokens: 2000, sampling: { seed: 1 } }, within(300));
for await (const { events } of stream) {
  for (const { event, delta, finish } of events) {
    if (event === "finish") console.log(finish.reason);
    if (event !== "delta") continue;
    if (delta.delta === "tool_call") {
      const { index, id, name } = delta.tool_call;
      calls.set(index, { id, name, arguments: "" });
    } else if (delta.delta === "tool_call_fragment") {
      calls.get(delta.tool_call_fragment.index).arguments += delta.tool_call_fragment.text;
    } else if (delta.delta === "tool_call_end") {
      console.log(JSON.stringify(calls.get(delta.tool_call_end.index)));
    }
  }
}
compiler.close();
inference.close();
