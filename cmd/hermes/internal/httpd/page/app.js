// The page of a post office: what /v1/live sends, drawn once a second. All that comes from the network
// gets into the page through textContent, or as a number.

import * as draw from "./draw.js";
import { bytes, clock, compact, place, short, span } from "./format.js";
import { parse, read, Refused, token } from "./stream.js";
import * as tail from "./tail.js";

const $ = (id) => document.getElementById(id);
const HISTORY = 300; // seconds of the chart
const MINUTE = 60;
const HIDDEN = 30_000; // ms after which a page that is not seen reads no more

let hello = {};
let last = null; // the state before
let paused = false;
const history = []; // of rates
const topics = new Map(); // by name: the rates of the last minute

// ---- Rates -------------------------------------------------------------------

/** How much a counter has grown by in a second, since the state before. */
function grown(now, before, key) {
  const seconds = now.ts - before.ts;
  return seconds > 0 ? Math.max(0, (now[key] - before[key]) / seconds) : 0;
}

const DROPS = [
  ["receiver_dropped", "Queue of one receiver was full"],
  ["dropped", "Queues of all its receivers were full"],
  ["dropped_old", "Made room for a newer one"],
  ["dropped_conflated", "Replaced by a newer one of its topic"],
  ["dropped_denied", "Publisher has no right to the topic"],
  ["cache_dropped", "No room for a cached one"],
  ["unwanted", "No receiver had subscribed"],
];

function rates(now, before) {
  const r = { in: grown(now, before, "in_messages"), out: grown(now, before, "out_messages"), inBytes: grown(now, before, "in_bytes"), outBytes: grown(now, before, "out_bytes") };
  r.throttled = grown(now, before, "throttled_seconds");
  r.unwanted = grown(now, before, "unwanted");
  r.drops = grown(now, before, "receiver_dropped") + grown(now, before, "dropped_denied") + grown(now, before, "cache_dropped");
  r.queued = now.subscribers.reduce((sum, p) => sum + p.queue_messages, 0);
  return r;
}

/** The peers of one side, with what has happened since the state before. */
function peersOf(now, before, side) {
  const earlier = new Map(before[side].map((p) => [p.id, p]));
  return now[side].map((p) => {
    const was = earlier.get(p.id) || { sent: 0, received: 0, dropped: 0, throttled_seconds: p.throttled_seconds };
    const seconds = earlier.has(p.id) ? now.ts - before.ts : Math.max(1, Math.min(p.age, now.ts - before.ts));
    const per = (key) => seconds > 0 ? Math.max(0, (p[key] - was[key]) / seconds) : 0; // nothing is known of the first moment
    const origins = now.traffic.origins[p.id] || [];
    const rate = per(side === "publishers" ? "received" : "sent");
    const own = side === "publishers" ? origins.join(", ") : now.names[p.instance];
    const label = p.user || own || place(p.address);
    return { ...p, label, note: label === place(p.address) ? "" : place(p.address), extra: side === "publishers" ? "" : p.subscriptions === 1 ? "1 subscription" : `${short(p.subscriptions)} subscriptions`, rate, bad: per("dropped") > 0, held: per("throttled_seconds") > 0.02, heldShare: per("throttled_seconds") };
  });
}

// ---- Drawing -----------------------------------------------------------------

const TILES = [
  ["in", "Messages in", "--in", "--in-soft", (r) => r.in, (v) => [...compact(v), "/s"]],
  ["out", "Messages out", "--out", "--out-soft", (r) => r.out, (v) => [...compact(v), "/s"]],
  ["inBytes", "Bytes in", "--in", "--in-soft", (r) => r.inBytes, (v) => [...bytes(v), "/s"]],
  ["outBytes", "Bytes out", "--out", "--out-soft", (r) => r.outBytes, (v) => [...bytes(v), "/s"]],
  ["queued", "Waiting in queues", "--out", "--out-soft", (r) => r.queued, (v) => [...compact(v), ""]],
  ["drops", "Dropped", "--drop", "--drop-soft", (r) => r.drops, (v) => [...compact(v), "/s"]],
  ["throttled", "Publishers held back", "--held", "--held-soft", (r) => r.throttled * 100, (v) => [v.toFixed(v > 0 && v < 10 ? 1 : 0), "", "%"]],
  ["unwanted", "Wanted by none", "--quiet", "--line", (r) => r.unwanted, (v) => [...compact(v), "/s"]],
];

function element(name, text, className) {
  const e = document.createElement(name);
  if (text !== undefined) e.textContent = text;
  if (className) e.className = className;
  return e;
}

function makeTiles() {
  for (const [key, label] of TILES) {
    const tile = element("div", undefined, "tile");
    tile.id = `tile-${key}`;
    const value = element("p", "–");
    tile.append(element("h2", label), value, draw.svg("svg", { "aria-hidden": "true" }));
    $("tiles").append(tile);
  }
}

function drawTiles(now) {
  for (const [key, , color, soft, value, format] of TILES) {
    const tile = $(`tile-${key}`);
    const v = value(now);
    const [digits, prefix, unit] = format(v);
    tile.children[1].replaceChildren(digits, element("span", `${prefix}${unit}`, "unit"));
    draw.spark(tile.children[2], history.slice(-MINUTE).map(value), color, soft);
    tile.dataset.alarm = v > 0 && key === "drops" ? "drop" : v > 1 && key === "throttled" ? "held" : "";
  }
}

function cell(content, className) {
  const td = element("td", undefined, className);
  td.append(content);
  return td;
}

function nameCell(p) {
  const td = element("td", p.label, "name");
  td.title = `${p.label} ${p.note}`.trim();
  if (p.note) td.append(element("small", p.note));
  return td;
}

/** A bar for what waits for a receiver, on a scale from one message to a million. */
function meter(p) {
  const share = Math.min(1, Math.log10(1 + p.queue_messages) / 6);
  const m = element("div", undefined, "meter");
  m.dataset.level = p.bad ? "bad" : share > 0.55 ? "warn" : "ok";
  const bar = element("i");
  bar.style.width = `${(100 * share).toFixed(0)}%`;
  m.append(bar);
  return m;
}

function drawReceivers(receivers, total) {
  const sorted = [...receivers].sort((a, b) => b.queue_messages - a.queue_messages || b.dropped - a.dropped || b.rate - a.rate || a.id - b.id);
  $("receivers-count").textContent = total || "";
  $("receivers").replaceChildren(...sorted.slice(0, 100).map((p) => {
    const tr = element("tr");
    tr.append(nameCell(p), cell(meter(p)), cell(short(p.queue_messages), "n"), cell(short(p.rate), "n"), cell(short(p.dropped), p.bad ? "n bad" : "n"));
    return tr;
  }));
}

function drawPublishers(publishers, total) {
  const sorted = [...publishers].sort((a, b) => b.rate - a.rate || a.id - b.id);
  $("publishers-count").textContent = total || "";
  $("publishers").replaceChildren(...sorted.slice(0, 100).map((p) => {
    const tr = element("tr");
    tr.append(nameCell(p), cell(short(p.rate), "n"), cell(p.throttled_seconds > 0 ? span(p.throttled_seconds) : "–", p.held ? "n warn" : "n"));
    return tr;
  }));
}

function drawDrops(now, before) {
  $("drops").replaceChildren(...DROPS.map(([key, label]) => {
    const tr = element("tr", undefined, now[key] ? "" : "zero");
    const rate = grown(now, before, key);
    const loud = rate > 0 && key !== "unwanted" ? "n bad" : "n";
    tr.append(cell(label), cell(short(now[key]), loud), cell(rate ? short(rate) : "–", loud));
    return tr;
  }));
}

/** Keeps the rates of each topic for a minute. */
function noteTopics(traffic) {
  for (const t of topics.values()) t.values.push(0);
  for (const t of traffic.topics) {
    if (!topics.has(t.topic)) topics.set(t.topic, { values: [0] });
    const known = topics.get(t.topic);
    known.values[known.values.length - 1] = traffic.seconds > 0 ? t.messages / traffic.seconds : 0;
    known.bytes = traffic.seconds > 0 ? t.bytes / traffic.seconds : 0;
  }
  for (const [name, t] of topics) {
    if (t.values.length > MINUTE) t.values.shift();
    if (t.values.at(-1) === 0) t.bytes = 0;
    t.mean = t.values.slice(-5).reduce((a, b) => a + b, 0) / Math.min(5, t.values.length);
    if (t.values.every((v) => v === 0)) topics.delete(name);
  }
}

function drawTopics(traffic) {
  const sorted = [...topics].sort(([a, x], [b, y]) => y.mean - x.mean || (a < b ? -1 : 1)).slice(0, 60);
  $("topics-count").textContent = traffic.count ? (traffic.count > 60 ? `${sorted.length} of ${short(traffic.count)}` : traffic.count) : "";
  $("topics-exact").textContent = traffic.exact ? "" : "extrapolated from samples";
  const body = $("topics");
  const focused = document.activeElement?.dataset?.topic;
  body.replaceChildren(...sorted.map(([name, t]) => {
    const tr = element("tr");
    const go = element("button", name, "go");
    go.type = "button";
    go.dataset.topic = name;
    go.title = `Tail ${name}`;
    go.addEventListener("click", () => tail.follow(name));
    const line = draw.svg("svg");
    draw.spark(line, t.values, "--in", "--in-soft");
    tr.append(cell(go), cell(line, "n"), cell(short(t.values.at(-1)), "n"), cell(bytes(t.bytes).join(" "), "n"));
    return tr;
  }));
  if (focused !== undefined) [...body.querySelectorAll(".go")].find((b) => b.dataset.topic === focused)?.focus({ preventScroll: true });
}

/** Adds what was dropped for single receivers, since the page was opened for those that are gone. */
function sumUp(now, before) {
  const earlier = new Map((before || now).subscribers.map((p) => [p.id, p.dropped]));
  const more = now.subscribers.reduce((sum, p) => sum + Math.max(0, p.dropped - (earlier.get(p.id) ?? 0)), 0);
  now.receiver_dropped = before ? before.receiver_dropped + more : now.subscribers.reduce((sum, p) => sum + p.dropped, 0);
}

function drawState(now) {
  sumUp(now, last);
  const before = last || now;
  const r = rates(now, before);
  if (last) history.push(r);
  if (history.length > HISTORY) history.shift();
  last = now;
  noteTopics(now.traffic);
  if (paused) return;
  const publishers = peersOf(now, before, "publishers"), receivers = peersOf(now, before, "subscribers");
  drawTiles(r);
  draw.chart($("chart"), history);
  draw.flow($("flow"), {
    publishers: [...publishers].sort((a, b) => b.rate - a.rate || a.id - b.id), receivers: [...receivers].sort((a, b) => b.rate - a.rate || a.id - b.id),
    input: r.in, output: r.out, name: hello.name,
  });
  drawReceivers(receivers, now.subscriber_count);
  drawPublishers(publishers, now.publisher_count);
  drawDrops(now, before);
  drawTopics(now.traffic);
  const fault = now.state !== "running" || now.problem;
  status(now.state !== "running" ? "fault" : now.problem ? "problem" : "live", fault ? now.problem || `State: ${now.state}` : paused ? "Paused" : "Live");
}

function addEvent(e) {
  const li = element("li");
  li.dataset.level = e.level;
  const at = element("time", clock(e.ts));
  at.dateTime = new Date(e.ts * 1000).toISOString();
  const text = element("span");
  const said = e.text.replace(/^post office ".*?":? /, "");
  text.append(element("b", e.kind), said.startsWith(e.kind) ? said.slice(e.kind.length) : ` ${said}`);
  li.append(at, text);
  $("events").prepend(li);
  while ($("events").childElementCount > 100) $("events").lastElementChild.remove();
}

// ---- Connection --------------------------------------------------------------

/** Says how the connection is; a text that has not changed is not announced again. */
function status(state, text) {
  const s = $("status");
  s.dataset.state = state;
  if (s.textContent !== text) s.textContent = text;
}

function greet(h) {
  hello = h;
  last = null;
  $("name").textContent = h.host;
  $("fact-in").textContent = h.in || "–";
  $("fact-out").textContent = h.out || "–";
  $("fact-version").textContent = h.version;
  document.title = `${h.host} · hermes`;
  $("events").replaceChildren();
  h.events.forEach(addEvent);
  $("notice").hidden = $("token-form").hidden = true;
  status("live", "Live");
}

function hear(name, data) {
  const value = parse(data);
  if (value === undefined) return;
  if (name === "hello") greet(value);
  if (name === "state") drawState(value);
  if (name === "event") addEvent(value);
}

function refused(e) {
  status("fault", e.status === 401 ? "Locked" : "Refused");
  $("token-form").hidden = e.status !== 401;
  $("notice").hidden = e.status === 401;
  $("notice").textContent = e.message;
  if (e.status === 401) $("token").focus();
}

/** Reads /v1/live until the page ends, and connects again. */
async function connect() {
  for (;;) {
    const visit = new AbortController();
    const leave = () => {
      if (document.hidden) visit.timer = setTimeout(() => visit.abort(), HIDDEN);
      else clearTimeout(visit.timer);
    };
    document.addEventListener("visibilitychange", leave);
    try {
      await read("/v1/live", visit.signal, hear);
      status("wait", "Connecting");
    } catch (e) {
      if (e instanceof Refused && (e.status === 401 || e.status === 403)) return refused(e);
      status("wait", document.hidden ? "Sleeping" : "No connection");
    }
    document.removeEventListener("visibilitychange", leave);
    clearTimeout(visit.timer);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    while (document.hidden) await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
  }
}

$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  status(paused ? "wait" : "live", paused ? "Paused" : "Live");
});
$("token-form").addEventListener("submit", (e) => {
  e.preventDefault();
  token.set($("token").value.trim());
  $("token").value = "";
  connect();
});
makeTiles();
tail.setUp(() => paused);
connect();
