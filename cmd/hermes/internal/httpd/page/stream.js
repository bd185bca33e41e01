// Reads server-sent events with a token in the header, which EventSource cannot send.

/** The token of this tab, or "". */
export const token = {
  get: () => sessionStorage.getItem("hermes-token") || "",
  set: (text) => sessionStorage.setItem("hermes-token", text),
};

/** An answer that is no stream: its status and what the server says. */
export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

/** Calls on(name, data) with each event until the stream ends or the signal aborts it. */
export async function read(url, signal, on) {
  const secret = token.get();
  const answer = await fetch(url, { signal, headers: secret ? { Authorization: `Bearer ${secret}` } : {} });
  if (!answer.ok) {
    const body = await answer.json().catch(() => ({}));
    throw new Refused(answer.status, body.error || answer.statusText);
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) dispatch(block, on);
  }
}

function dispatch(block, on) {
  let name = "message", data = null;
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    if (line.startsWith("data: ")) data = line.slice(6);
  }
  if (data !== null) on(name, data);
}

/** JSON, or undefined where the text is none, as NaN in it is not. */
export function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
