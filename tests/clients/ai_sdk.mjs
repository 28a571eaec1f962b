// The ordinary paths of the Vercel AI SDK. Usage: node ai_sdk.mjs URL. A failed assertion is a status of 1.
import assert from "node:assert/strict";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const baseURL = process.argv[2];
const compatible = createOpenAICompatible({ name: "promptweave", baseURL, supportsStructuredOutputs: true });
const openai = createOpenAI({ baseURL, apiKey: "none" });
const Trip = z.object({ city: z.enum(["Oslo", "Rome"]), days: z.number().int().min(1).max(9) });
const tools = { book: tool({ inputSchema: Trip, execute: async () => "booked" }) };
const toolChoice = { type: "tool", toolName: "book" };

for (const [name, model] of Object.entries({ compatible: compatible("gpt-4o"), chat: openai.chat("gpt-4o"), responses: openai("gpt-4o") })) {
  const asked = { model, prompt: "Where to?", maxRetries: 0 };

  const text = await generateText({ ...asked, maxOutputTokens: 16 });
  assert(text.usage.outputTokens > 0);

  const object = await generateText({ ...asked, output: Output.object({ schema: Trip }) });
  Trip.parse(object.output);
  const parts = streamText({ ...asked, output: Output.object({ schema: Trip }) });
  for await (const _ of parts.partialOutputStream);
  Trip.parse(await parts.output);

  const called = await generateText({ ...asked, tools, toolChoice, stopWhen: stepCountIs(2) });
  assert.equal(called.steps.length, 2);
  assert.equal(called.steps[0].toolResults[0].output, "booked");
  const stream = streamText({ ...asked, tools, toolChoice, stopWhen: stepCountIs(1) });
  const calls = [];
  for await (const part of stream.fullStream) {
    if (part.type === "error") throw part.error;
    if (part.type === "tool-call") calls.push(part.input);
  }
  Trip.parse(calls[0]);
  assert.equal(await stream.finishReason, "tool-calls");
  console.log(name);
}
