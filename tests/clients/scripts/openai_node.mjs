// openai for Node: chat completions, and Responses over HTTP and over a websocket.
import { PLACE, SCHEMA, fits, load, model, must, report, url } from "./report.mjs";

const OpenAI = load("openai").OpenAI;
const client = new OpenAI({ baseURL: url + "/v1", apiKey: "none", maxRetries: 0 });
const messages = [{ role: "user", content: "Why is the sky blue?" }];
const json_schema = { name: "trip", schema: SCHEMA, strict: true };
const tool = { name: "weather", description: "The weather of a city", parameters: PLACE };

await report({
  async chat() {
    const answer = await client.chat.completions.create({ model, messages });
    must(answer.choices[0].message.content, "no text");
    must(answer.usage.total_tokens > 0, "no usage");
  },
  async stream() {
    const runner = client.chat.completions.stream({ model, messages });
    must(await runner.finalContent(), "no text");
  },
  async tools() {
    const tools = [{ type: "function", function: tool }];
    const first = await client.chat.completions.create({ model, messages, tools });
    const said = first.choices[0].message;
    const [call] = said.tool_calls;
    must("city" in JSON.parse(call.function.arguments), "no arguments");
    const result = { role: "tool", tool_call_id: call.id, content: "sunny" };
    const end = await client.chat.completions.create({
      model,
      messages: [...messages, said, result],
      tools,
    });
    must(end.choices[0].message.content, "no text after the result");
  },
  async structured() {
    const response_format = { type: "json_schema", json_schema };
    const answer = await client.chat.completions.parse({ model, messages, response_format });
    fits(answer.choices[0].message.content);
  },
  async responses() {
    const answer = await client.responses.create({ model, input: "Why?" });
    must(answer.output_text, "no text");
    const text = { format: { type: "json_schema", ...json_schema } };
    fits((await client.responses.parse({ model, input: "Where?", text })).output_text);
    const stream = client.responses.stream({ model, input: "Why?" });
    must((await stream.finalResponse()).output_text, "no text in the stream");
  },
  async websocket() {
    const { ResponsesWS } = load("openai/resources/responses/ws");
    const socket = new ResponsesWS(client);
    const answer = (fields) =>
      new Promise((resolve, reject) => {
        socket.once("response.completed", (event) => resolve(event.response));
        socket.once("error", reject);
        socket.send({ type: "response.create", model, ...fields });
      });
    const first = await answer({ input: "Why?" });
    const second = await answer({ input: "And then?", previous_response_id: first.id });
    must(first.id !== second.id && second.output.length, "no second response");
    const named = new Promise((resolve) => socket.on("event", (event) => resolve(event)));
    await answer({ input: "Aside", stream_id: "aside" });
    must((await named).stream_id === "aside", "no name of the stream");
    socket.close();
  },
});
