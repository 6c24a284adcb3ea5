// What @grpc/grpc-js makes of OMEN: unary, stream, cancel, deadline, metadata, health, reflection.
// Prints one line of JSON for each thing it did. Arguments: the address, the folder of the .proto.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.OMEN_NODE}/package.json`);
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [address, protos] = process.argv.slice(2);
const options = { keepCase: true, enums: String, arrays: true, includeDirs: [protos] };
const loaded = grpc.loadPackageDefinition(loader.loadSync("omen/v1/omen.proto", options));
const client = new loaded.omen.v1.OmenService(address, grpc.credentials.createInsecure());
const tell = (what) => console.log(JSON.stringify(what));
const ask = (model) => ({
  model,
  messages: [{ role: "user", content: "hi" }],
  omen: { strategy: "race", k: 3 },
});

await new Promise((done) =>
  client.ChatCompletion(ask("m"), (error, answer) => {
    tell({ unary: error ? error.details : answer.choices[0].message.content });
    done();
  }),
);

await new Promise((done) => {
  const metadata = new grpc.Metadata();
  metadata.set("x-request-id", "from-js");
  const call = client.StreamChatCompletion(ask("m"), metadata);
  const told = {};
  let text = "";
  call.on("metadata", (head) => Object.assign(told, head.getMap()));
  call.on("data", (chunk) => {
    for (const choice of chunk.choices) text += choice.delta?.content ?? "";
  });
  call.on("end", () => {
    tell({ stream: text, id: told["x-request-id"], provider: told["x-omen-provider"] });
    done();
  });
});

await new Promise((done) => {
  const call = client.StreamChatCompletion(ask("flood"));
  call.once("data", () => call.cancel());
  call.on("data", () => {});
  call.on("error", (error) => {
    tell({ cancelled: error.code });
    done();
  });
});

await new Promise((done) =>
  client.ChatCompletion(ask("slow"), { deadline: Date.now() + 300 }, (error) => {
    tell({ deadline: error.code });
    done();
  }),
);

await new Promise((done) =>
  client.ChatCompletion({ ...ask("m"), omen: { k: 99 } }, (error) => {
    tell({ refused: error.code, details: error.details });
    done();
  }),
);

// No .proto of these two: bytes by hand, as a generic tool sends them.
const same = (bytes) => bytes;
const plain = new grpc.Client(address, grpc.credentials.createInsecure());
await new Promise((done) =>
  plain.makeUnaryRequest(
    "/grpc.health.v1.Health/Check", same, same, Buffer.alloc(0),
    (error, answer) => {
      tell({ health: error ? error.code : answer.toString("hex") });
      done();
    },
  ),
);
await new Promise((done) => {
  const call = plain.makeBidiStreamRequest(
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", same, same,
  );
  call.on("data", (answer) => {
    tell({ reflection: answer.toString("latin1").includes("omen.v1.OmenService") });
    call.end();
  });
  call.on("end", done);
  call.write(Buffer.from([0x3a, 0x00]));
});
process.exit(0);
