// The ordinary paths of OpenAI's SDK for Node. Usage: node openai_node.mjs URL. A failed assertion is a status of 1.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodFunction, zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "none", maxRetries: 0 });
const model = "gpt-4o";
const messages = [{ role: "user", content: "Where to?" }];
const Trip = z.object({ city: z.enum(["Oslo", "Rome"]), days: z.number().int().min(1).max(9), by: z.enum(["air", "sea"]).nullable() });
const book = zodFunction({ name: "book", parameters: Trip, function: () => "booked" });
const required = { type: "function", function: { name: "book" } };

const paths = {
  async models() {
    assert((await client.models.list()).data.length > 0);
  },
  async structured() {
    const done = await client.chat.completions.parse({ model, messages, response_format: zodResponseFormat(Trip, "trip") });
    Trip.parse(done.choices[0].message.parsed);
  },
  async structuredStream() {
    const stream = client.chat.completions.stream({ model, messages, response_format: zodResponseFormat(Trip, "trip") });
    Trip.parse((await stream.finalChatCompletion()).choices[0].message.parsed);
  },
  async tools() {
    const done = await client.chat.completions.parse({ model, messages, tools: [book], tool_choice: required });
    const [call] = done.choices[0].message.tool_calls;
    Trip.parse(call.function.parsed_arguments);
    const result = { role: "tool", tool_call_id: call.id, content: "booked" };
    const next = [...messages, done.choices[0].message, result];
    assert((await client.chat.completions.create({ model, messages: next, tools: [book], tool_choice: "none", max_tokens: 5 })).id);
  },
  async toolsStream() {
    const stream = client.chat.completions.stream({ model, messages, tools: [book], tool_choice: required });
    const called = [];
    stream.on("tool_calls.function.arguments.done", (event) => called.push(event));
    const done = await stream.finalChatCompletion();
    assert.equal(done.choices[0].finish_reason, "tool_calls");
    Trip.parse(JSON.parse(called[0].arguments));
  },
  async runTools() {
    const runner = client.chat.completions.runTools({ model, messages, tools: [book], tool_choice: required, max_tokens: 200 }, { maxChatCompletions: 1 });
    await runner.done();
    assert(runner.messages.some((message) => message.role === "tool" && message.content === "booked"));
  },
  async usage() {
    const stream = await client.chat.completions.create({ model, messages, max_tokens: 5, stream: true, stream_options: { include_usage: true } });
    const usages = [];
    for await (const chunk of stream) usages.push(chunk.usage);
    assert(usages.pop().total_tokens > 0);
    assert(usages.every((usage) => usage === null));
  },
  async responses() {
    const done = await client.responses.parse({ model, input: "Where to?", text: { format: zodTextFormat(Trip, "trip") } });
    Trip.parse(done.output_parsed);
    const more = await client.responses.create({ model, input: "And then?", previous_response_id: done.id, max_output_tokens: 16 });
    assert.equal(more.previous_response_id, done.id);
  },
  async responsesStream() {
    const stream = client.responses.stream({ model, input: "Where to?", text: { format: zodTextFormat(Trip, "trip") } });
    let text = "";
    stream.on("response.output_text.delta", (event) => (text += event.delta));
    const done = await stream.finalResponse();
    Trip.parse(done.output_parsed);
    assert.deepEqual(JSON.parse(text), done.output_parsed);
  },
  async errors() {
    const asked = client.chat.completions.create({ model: "none such", messages });
    await assert.rejects(asked, (error) => error instanceof OpenAI.NotFoundError && error.code === "model_not_found");
  },
};
for (const [name, path] of Object.entries(paths)) {
  await path();
  console.log(name);
}
