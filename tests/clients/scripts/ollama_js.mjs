// ollama for Node: chat, generate, embed, and what a gateway refuses in words.
import { PLACE, SCHEMA, fits, load, model, must, report, url } from "./report.mjs";

const { Ollama } = load("ollama");
const client = new Ollama({ host: url });
const messages = [{ role: "user", content: "Why is the sky blue?" }];
const tool = { name: "weather", description: "The weather of a city", parameters: PLACE };

await report({
  async chat() {
    must((await client.chat({ model, messages })).message.content, "no text");
    must((await client.generate({ model, prompt: "Why?" })).response, "no response");
  },
  async stream() {
    let text = "";
    for await (const part of await client.chat({ model, messages, stream: true }))
      text += part.message.content;
    must(text, "no text");
  },
  async tools() {
    const tools = [{ type: "function", function: tool }];
    const { message } = await client.chat({ model, messages, tools });
    must("city" in message.tool_calls[0].function.arguments, "no arguments");
    const result = { role: "tool", tool_name: "weather", content: "sunny" };
    const end = await client.chat({ model, messages: [...messages, message, result], tools });
    must(end.message.content, "no text after the result");
  },
  async structured() {
    fits((await client.chat({ model, messages, format: SCHEMA })).message.content);
  },
  async lists() {
    must((await client.list()).models.length, "no models");
    must(Array.isArray((await client.ps()).models), "no list of loaded models");
    must((await client.show({ model })).capabilities, "no capabilities");
    must((await client.version()).version, "no version");
  },
  async refusals() {
    const calls = {
      pull: () => client.pull({ model: "llama3" }),
      push: () => client.push({ model: "llama3" }),
      create: () => client.create({ model: "mine", from: model }),
      copy: () => client.copy({ source: model, destination: "mine" }),
      delete: () => client.delete({ model }),
    };
    for (const [name, call] of Object.entries(calls)) {
      const words = await call().then(
        () => "",
        (error) => error.message,
      );
      must(words.includes("OMEN"), `${name}: ${words}`);
    }
  },
});
