// The Vercel AI SDK: an answer in a form, as it grows, and a tool that the model calls. Usage: node trip.mjs [URL]
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const baseURL = process.argv[2] ?? "http://localhost:8080/v1";
const model = createOpenAICompatible({ name: "promptweave", baseURL, supportsStructuredOutputs: true })("gpt-4o");
const Trip = z.object({ city: z.enum(["Bergen", "Oslo", "Rome"]), days: z.number().int().min(1).max(9) });

const answer = streamText({ model, prompt: "as JSON: the city is Oslo, the days are 3", temperature: 0, output: Output.object({ schema: Trip }) });
for await (const part of answer.partialOutputStream) console.error(part);
console.log(JSON.stringify(await answer.output));

const book = tool({ description: "Books a trip", inputSchema: Trip, execute: async ({ city, days }) => ({ booked: city, days }) });
const called = await generateText({
  model,
  prompt: "Book a trip to Oslo for 3 days",
  temperature: 0,
  tools: { book },
  toolChoice: { type: "tool", toolName: "book" },
  stopWhen: stepCountIs(1),
});
for (const { toolName, output } of called.steps[0].toolResults) console.log(toolName, JSON.stringify(output));
