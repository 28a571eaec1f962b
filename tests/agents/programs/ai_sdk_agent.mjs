// An agent of the AI SDK. Modes: openai (for chat completions, OpenAI's provider and not the compatible one), stream.
import * as ai from 'ai'
import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { spawnSync } from 'node:child_process'
import { z } from 'zod'

const { BASE_URL, KEY: apiKey, MODEL } = process.env
const baseURL = `${BASE_URL}/v1`
const [wire, ...modes] = process.argv.slice(2)
const models = {
  chat: () =>
    modes.includes('openai')
      ? createOpenAI({ baseURL, apiKey }).chat(MODEL)
      : createOpenAICompatible({ name: 'local', baseURL, apiKey, includeUsage: true })(MODEL),
  responses: () => createOpenAI({ baseURL, apiKey })(MODEL),
  messages: () => createAnthropic({ baseURL, apiKey })(MODEL),
}
const shell = ai.tool({
  description: 'Run a shell command.',
  inputSchema: z.object({ command: z.string() }),
  execute: async ({ command }) => {
    const done = spawnSync('bash', ['-c', command], { encoding: 'utf8' })
    return done.stdout + done.stderr
  },
})
const request = { model: models[wire](), tools: { shell }, stopWhen: (ai.stepCountIs ?? ai.isStepCount)(20), prompt: 'Fix sum.py' }
if (modes.includes('stream')) {
  const result = ai.streamText({ ...request, system: 'Use the shell.', onError: ({ error }) => { throw error } })
  for await (const piece of result.textStream) process.stdout.write(piece)
} else {
  console.log((await ai.generateText({ ...request, instructions: 'Use the shell.' })).text)
}
