// The live tail: envelopes of /v1/subscribe, as rows, newest first.

import { clock, short } from "./format.js";
import { parse, read } from "./stream.js";

const ROWS = 200;
const RATE = 50; // envelopes a second that are shown
const LONG = 300; // characters of one text that are shown: laying out more takes long

const $ = (id) => document.getElementById(id);

let running = null; // an AbortController
let frozen = () => false;

/** One row of texts. */
function row(texts) {
  const tr = document.createElement("tr");
  for (const text of texts) {
    const td = document.createElement("td");
    td.textContent = text.length > LONG ? `${text.slice(0, LONG)}…` : text;
    td.title = text.slice(0, 5 * LONG);
    tr.append(td);
  }
  return tr;
}

/** The parts of an envelope. Its data stay the text that was sent. */
function partsOf(text) {
  const e = parse(text);
  if (e !== undefined) return [clock(e.ts, true), String(e.topic), String(e.origin), JSON.stringify(e.data)];
  const strings = text.match(/^\{"topic":("(?:[^"\\]|\\.)*"),"origin":("(?:[^"\\]|\\.)*"),"data":(.*),"ts":([\d.]+)/); // NaN in the data
  return strings ? [clock(Number(strings[4]), true), parse(strings[1]), parse(strings[2]), strings[3]] : ["", "", "", text];
}

function add(tr) {
  const body = $("tail");
  body.prepend(tr);
  while (body.childElementCount > ROWS) body.lastElementChild.remove();
}

function notice(text) {
  const tr = row(["", text]);
  tr.dataset.loss = "";
  tr.lastElementChild.colSpan = 3;
  add(tr);
}

function hear(name, data) {
  if (frozen()) return;
  if (name === "message") {
    const filter = $("tail-filter").value.toLowerCase();
    const parts = partsOf(data);
    if (!filter || parts.slice(1).some((p) => p.toLowerCase().includes(filter))) add(row(parts));
    return;
  }
  const what = parse(data) || {};
  if (name === "lost") notice(`${short(what.count)} were not received here, because this page does not keep up`);
  if (name === "skipped") $("tail-state").textContent = `Shows ${RATE} a second; ${short(what.count)} more in the last second.`;
  if (name === "problem") notice(what.text || "");
}

async function start() {
  const mine = new AbortController();
  running = mine;
  const prefix = $("tail-topic").value;
  $("tail-toggle").textContent = "Stop";
  $("tail-state").textContent = prefix ? `Subscribed to ${prefix}` : "Subscribed to every topic";
  let why = "Off.";
  try {
    await read(`/v1/subscribe?rate=${RATE}&topic=${encodeURIComponent(prefix)}`, mine.signal, hear);
    why = "Off: the post office has ended the stream.";
  } catch (e) {
    if (e.name !== "AbortError") why = `Off: ${e.message}`;
  }
  if (running === mine) {
    running = null;
    $("tail-toggle").textContent = "Start";
    $("tail-state").textContent = why;
  }
}

function stop() {
  running?.abort();
}

/** Shows envelopes of topics that begin with a text. */
export function follow(prefix) {
  $("tail-topic").value = prefix;
  stop();
  running = null;
  $("tail").replaceChildren();
  start();
  $("tail-toggle").focus({ preventScroll: true });
  $("h-tail").scrollIntoView({ block: "nearest" });
}

/** Makes the form work. isFrozen says whether the page is paused. */
export function setUp(isFrozen) {
  frozen = isFrozen;
  $("tail-form").addEventListener("submit", (e) => {
    e.preventDefault();
    if (running) stop();
    else start();
  });
  $("tail-clear").addEventListener("click", () => $("tail").replaceChildren());
}
