// The gateway, as any client of it: OpenAI's API with the key of this tab.

const PLACE = "gateway-key"; // in sessionStorage: gone with the tab

export const key = () => sessionStorage.getItem(PLACE);
export const keep = (value) => sessionStorage.setItem(PLACE, value);
export const forget = () => sessionStorage.removeItem(PLACE);

/** What the gateway, or the way to it, has said against a request. */
export class Refused extends Error {
  constructor(message, status = 0, wait = null) {
    super(message);
    this.status = status;
    this.wait = wait; // seconds, where it says so
  }
}

async function call(path, options = {}) {
  let response;
  try {
    const headers = { authorization: `Bearer ${key()}`, ...options.headers };
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The gateway cannot be reached. Is it running?");
  }
  if (response.ok) return response;
  let message = `The gateway answered with status ${response.status}.`;
  try {
    message = (await response.json()).error.message;
  } catch {
    // not in the gateway's own form: a load balancer's page, perhaps
  }
  throw new Refused(message, response.status, response.headers.get("retry-after"));
}

/** The models this key may use: [{id, price: {input, output, …} or undefined}]. */
export async function models() {
  return (await (await call("/v1/models")).json()).data;
}

/** What was used between two days, both included (YYYY-MM-DD). */
export async function usage(from, to) {
  return (await call(`/v1/usage?${new URLSearchParams({ from, to })}`)).json();
}

/**
 * Stream one answer. Calls onText(text) for each piece; gives {model, usage, reason}.
 * Raises Refused, also for an error inside the stream, and AbortError once `signal` is aborted.
 */
export async function chat(request, signal, onText) {
  const body = { ...request, stream: true, stream_options: { include_usage: true } };
  const response = await call("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  const answer = { model: response.headers.get("x-gateway-model"), usage: null, reason: null };
  for await (const data of events(response.body)) {
    if (data === "[DONE]") return answer;
    const chunk = JSON.parse(data);
    if (chunk.error) throw new Refused(chunk.error.message);
    if (chunk.usage) answer.usage = chunk.usage;
    const choice = chunk.choices?.[0];
    if (!choice) continue;
    answer.reason = choice.finish_reason ?? answer.reason;
    const { content, reasoning_content: reasoning } = choice.delta;
    if (reasoning) onText(reasoning, true);
    if (content) onText(content, false);
  }
  throw new Refused("The answer broke off before its end.");
}

/** The data of server-sent events; one may come in pieces, and several in one. */
async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let piece;
    try {
      piece = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused("The connection broke in the middle of the answer.");
    }
    if (piece.done) return;
    const parts = (rest + piece.value).split(/\r?\n\r?\n/);
    rest = parts.pop();
    for (const part of parts) {
      const lines = part.split(/\r?\n/).filter((line) => line.startsWith("data:"));
      if (lines.length) yield lines.map((line) => line.slice(5).trim()).join("\n");
    }
  }
}
