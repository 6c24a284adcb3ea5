// Requests to the gateway. The key stays in this tab, and is sent in a header to this origin only.

const KEY = "omen-key";
const LONGEST_LINE = 1_000_000;

/** An answer that is an error. `status` is 0 if there was no answer. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export function hasKey() {
  return sessionStorage.getItem(KEY) !== null;
}

export function keepKey(key) {
  sessionStorage.setItem(KEY, key);
}

export function forgetKey() {
  sessionStorage.removeItem(KEY);
}

/** Send a request and return its response. **Raises.** `ApiError`, also if it was aborted. */
export async function send(path, options = {}) {
  const headers = new Headers(options.headers);
  const key = sessionStorage.getItem(KEY);
  if (key !== null) headers.set("authorization", `Bearer ${key}`);
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit" });
  } catch (error) {
    throw new ApiError(error.name === "AbortError" ? "stopped" : "OMEN does not answer", 0);
  }
  if (!response.ok) throw new ApiError(await messageOf(response), response.status);
  return response;
}

/** Return the JSON of a GET. */
export async function getJson(path, signal) {
  const response = await send(path, { signal });
  try {
    return await response.json();
  } catch {
    throw new ApiError("the answer broke off", 0);
  }
}

/** Yield the data of server-sent events, as texts. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      if (rest.length > LONGEST_LINE) throw new ApiError("an event is too long", 0);
      for (const line of lines) {
        if (line.startsWith("data:")) yield line.slice(5).trim();
      }
    }
  } catch (error) {
    throw error instanceof ApiError ? error : new ApiError("the stream broke off", 0);
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function messageOf(response) {
  try {
    const body = await response.json();
    return String(body.error?.message ?? body.error ?? response.statusText);
  } catch {
    return `status ${response.status}`;
  }
}
