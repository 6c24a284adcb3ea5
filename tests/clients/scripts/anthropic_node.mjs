// @anthropic-ai/sdk for Node: Messages.
import { PLACE, SCHEMA, fits, load, model, must, report, url } from "./report.mjs";

const { Anthropic } = load("@anthropic-ai/sdk");
const client = new Anthropic({ baseURL: url, apiKey: "none", maxRetries: 0 });
const messages = [{ role: "user", content: "Why is the sky blue?" }];
const ask = { model, max_tokens: 500, messages };
const tools = [{ name: "weather", description: "The weather of a city", input_schema: PLACE }];

await report({
  async chat() {
    const answer = await client.messages.create(ask);
    must(answer.content[0].text, "no text");
    must(answer.usage.input_tokens > 0, "no usage");
  },
  async stream() {
    const stream = client.messages.stream(ask);
    must(await stream.finalText(), "no text");
  },
  async tools() {
    const first = await client.messages.create({ ...ask, tools });
    const call = first.content.find((block) => block.type === "tool_use");
    must("city" in call.input, "no arguments");
    const result = { type: "tool_result", tool_use_id: call.id, content: "sunny" };
    const end = await client.messages.create({
      ...ask,
      tools,
      messages: [
        ...messages,
        { role: "assistant", content: first.content },
        { role: "user", content: [result] },
      ],
    });
    must(end.content[0].text, "no text after the result");
  },
  async structured() {
    const output_config = { format: { type: "json_schema", schema: SCHEMA } };
    const answer = await client.messages.create({ ...ask, output_config });
    fits(answer.content[0].text);
  },
  async "base URL with /v1"() {
    const other = new Anthropic({ baseURL: url + "/v1", apiKey: "none", maxRetries: 0 });
    must((await other.messages.create(ask)).content[0].text, "no text");
    must((await other.messages.countTokens({ model, messages })).input_tokens > 0, "no count");
  },
});
