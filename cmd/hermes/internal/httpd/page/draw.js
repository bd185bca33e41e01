// Pictures: sparklines, the chart of rates, and the flow from publishers to receivers. Text gets into
// the page through textContent alone.

import { compact, fit, short, span } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";

/** An element of SVG with attributes, and text or children. */
export function svg(name, attributes = {}, ...content) {
  const e = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  e.append(...content);
  return e;
}

/** The points of values that are spread over a width, the newest at its end. */
function points(values, slots, width, height, most, top = 1.5) {
  const step = width / (slots - 1);
  const from = width - step * (values.length - 1);
  return values.map((v, i) => [from + i * step, height - (most > 0 ? v / most : 0) * (height - top) - 0.75]);
}

const path = (all) => all.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/** Draws a line of the newest values into an svg element. */
export function spark(target, values, color, soft) {
  const width = 120, height = 22;
  target.setAttribute("viewBox", `0 0 ${width} ${height}`);
  target.setAttribute("preserveAspectRatio", "none");
  target.setAttribute("aria-hidden", "true");
  if (values.length < 2) return target.replaceChildren();
  const all = points(values, Math.max(20, values.length), width, height, Math.max(...values));
  const line = path(all);
  if (values.every((v) => v === 0)) [color, soft] = ["--line", "--sheet"];
  target.replaceChildren(
    svg("path", { d: `${line}L${width} ${height}L${all[0][0].toFixed(1)} ${height}Z`, fill: `var(${soft})` }),
    svg("path", { d: line, fill: "none", stroke: `var(${color})`, "stroke-width": 1.4, "vector-effect": "non-scaling-stroke", "stroke-linejoin": "round" }),
  );
}

/** A round number that is at least n. */
function ceiling(n) {
  if (n <= 10) return 10;
  const unit = 10 ** Math.floor(Math.log10(n));
  return [1, 1.5, 2, 3, 4, 5, 7.5, 10].map((f) => f * unit).find((v) => v >= n);
}

/** Draws the rates of the last five minutes. */
export function chart(target, history) {
  const slots = Math.max(60, history.length); // seconds
  const box = target.getBoundingClientRect();
  const width = Math.max(200, box.width), height = box.height || 190;
  const left = 14, right = 52, top = 8, bottom = 24;
  const w = width - left - right, h = height - top - bottom;
  const most = ceiling(Math.max(1, ...history.map((s) => Math.max(s.in, s.out))));
  const parts = [];
  for (const share of [0, 0.5, 1]) {
    const y = top + h - share * h;
    parts.push(svg("line", { x1: left, x2: left + w, y1: y, y2: y, stroke: "var(--line)", "stroke-dasharray": share ? "2 3" : "none" }));
    parts.push(svg("text", { x: left + w + 8, y: y + 4, class: "quiet" }, short(most * share)));
  }
  for (const [share, label, anchor] of [[0, `${span(slots)} ago`, "start"], [0.5, `${span(slots / 2)} ago`, "middle"], [1, "now", "end"]]) {
    parts.push(svg("text", { x: left + share * w, y: height - 6, class: "quiet", "text-anchor": anchor }, label));
  }
  for (const [key, color, soft] of [["in", "--in", "--in-soft"], ["out", "--out", "none"]]) {
    if (history.length < 2) break;
    const all = points(history.map((s) => s[key]), slots, w, h, most, 0).map(([x, y]) => [x + left, y + top + 0.75]);
    if (soft !== "none") {
      parts.splice(0, 0, svg("path", { d: `${path(all)}L${left + w} ${top + h}L${all[0][0].toFixed(1)} ${top + h}Z`, fill: `var(${soft})`, opacity: 0.7 }));
    }
    parts.push(svg("path", { d: path(all), fill: "none", stroke: `var(${color})`, "stroke-width": 1.8, "stroke-linejoin": "round" }));
  }
  target.setAttribute("viewBox", `0 0 ${width} ${height}`);
  target.replaceChildren(...parts);
  const now = history.at(-1);
  if (now) target.setAttribute("aria-label", `Now ${short(now.in)} messages a second in and ${short(now.out)} out; the most was below ${short(most)}`);
}

/** How thick a link is that carries so many messages a second. */
const thickness = (rate) => (rate > 0 ? Math.min(16, 1.2 + 2.4 * Math.log10(1 + rate)) : 1);

/** At most n of the peers, and all others as one. */
function few(peers, n) {
  if (peers.length <= n) return peers;
  const rest = peers.slice(n - 1);
  const sum = (key) => rest.reduce((total, p) => total + p[key], 0);
  return [...peers.slice(0, n - 1), { label: `${rest.length} more`, rate: sum("rate"), bad: rest.some((p) => p.bad), held: rest.some((p) => p.held), rest: true }];
}

/** One side of the flow: labels and links of peers. */
function side(peers, { height, edge, anchor, outer, color, width }) {
  const parts = [];
  const pitch = Math.min(54, (height - 24) / Math.max(1, peers.length));
  const first = height / 2 - (pitch * (peers.length - 1)) / 2;
  const thick = peers.map((p) => Math.max(thickness(p.rate), p.bad ? 2.5 : 0));
  const room = Math.min(1, 64 / Math.max(1, thick.reduce((a, b) => a + b + 2, 0)));
  let at = height / 2 - (thick.reduce((a, b) => a + b + 2, 0) * room) / 2;
  peers.forEach((p, i) => {
    const y = first + i * pitch;
    const joint = at + (thick[i] * room) / 2;
    at += (thick[i] + 2) * room;
    const x1 = outer, x2 = edge, middle = (x1 + x2) / 2;
    const stroke = p.bad ? "--drop" : p.held ? "--held" : p.rate > 0 ? color : "--line";
    parts.push(svg("path", { d: `M${x1} ${y}C${middle} ${y} ${middle} ${joint.toFixed(1)} ${x2} ${joint.toFixed(1)}`, fill: "none", stroke: `var(${stroke})`, "stroke-width": thick[i].toFixed(1), "stroke-opacity": p.rate > 0 || p.bad ? 0.75 : 1 }));
    const x = anchor === "end" ? outer - 10 : outer + 10;
    parts.push(svg("circle", { cx: x1, cy: y, r: 3.5, fill: `var(${stroke === "--line" ? "--quiet" : stroke})` }));
    const two = pitch >= 30;
    parts.push(svg("text", { x, y: two ? y - 2 : y + 4, "text-anchor": anchor, class: p.rest ? "quiet" : "mono" }, fit(p.label, width - 8, p.rest ? 6.5 : 7.3)));
    if (two) parts.push(svg("text", { x, y: y + 12, "text-anchor": anchor, class: "quiet" }, `${short(p.rate)}/s${p.note || p.extra ? " · " + fit(p.note || p.extra, width - 62, 6) : ""}`));
  });
  return parts;
}

/** Draws publishers, the post office and receivers, joined by their traffic. */
export function flow(target, { publishers, receivers, input, output, name }) {
  const box = target.getBoundingClientRect();
  const width = Math.max(280, box.width), height = Math.max(240, box.height);
  const narrow = width < 560;
  const label = narrow ? width * 0.3 : Math.min(210, width * 0.27);
  const wide = narrow ? 64 : 132, tall = Math.min(136, height - 40);
  const x = (width - wide) / 2, y = (height - tall) / 2;
  const most = Math.max(3, Math.floor((height - 24) / 34));
  const left = few(publishers, most), right = few(receivers, most);
  const [inValue, inUnit] = compact(input), [outValue, outUnit] = compact(output);
  target.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const mid = width / 2;
  target.replaceChildren(
    ...side(left, { height, edge: x, anchor: "end", outer: label + 12, color: "--in", width: label }),
    ...side(right, { height, edge: x + wide, anchor: "start", outer: width - label - 12, color: "--out", width: label }),
    svg("rect", { x, y, width: wide, height: tall, rx: 10, fill: "var(--sheet)", stroke: "var(--quiet)", "stroke-width": 1.2 }),
    svg("text", { x: mid, y: y + 22, "text-anchor": "middle", class: "quiet" }, narrow ? "office" : "post office"),
    svg("text", { x: mid, y: y + 54, "text-anchor": "middle", class: "big", fill: "var(--in)" }, inValue + inUnit),
    svg("text", { x: mid, y: y + 69, "text-anchor": "middle", class: "quiet" }, "in/s"),
    svg("text", { x: mid, y: y + 100, "text-anchor": "middle", class: "big", fill: "var(--out)" }, outValue + outUnit),
    svg("text", { x: mid, y: y + 115, "text-anchor": "middle", class: "quiet" }, "out/s"),
  );
  const losing = receivers.filter((r) => r.bad).length;
  target.setAttribute("aria-label", `${publishers.length} publishers send ${short(input)} messages a second to ${name || "the post office"}, which sends ${short(output)} a second on to ${receivers.length} receivers; ${losing} of them lose messages now`);
}
