// What every script of a client in Node needs: its package, the gateway, and a report by lines.
import { createRequire } from "node:module";

const require = createRequire(process.env.OMEN_CLIENT_FOLDER + "/package.json");
export const load = (name) => require(name);
export const url = process.env.OMEN_URL;
export const model = process.env.OMEN_MODEL;
export const SCHEMA = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city", "days"],
  additionalProperties: false,
};
export const PLACE = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
export const fits = (text) => {
  const value = JSON.parse(text);
  if (typeof value.city !== "string" || !Number.isInteger(value.days)) throw new Error(text);
};
export const must = (value, words) => {
  if (!value) throw new Error(words);
};

export async function report(checks) {
  for (const [check, run] of Object.entries(checks)) {
    let error = "";
    try {
      await run();
    } catch (problem) {
      error = String(problem.stack ?? problem).slice(0, 600) || "failed";
    }
    console.log(JSON.stringify({ check, error }));
  }
}
