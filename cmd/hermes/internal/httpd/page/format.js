// Numbers, times and names, for people.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A number in few characters: its digits, and k, M or G. */
export function compact(n) {
  const size = Math.abs(n);
  if (size < 10 && size > 0 && !Number.isInteger(n)) return [n.toFixed(1), ""];
  if (size < 10000) return [whole.format(n), ""];
  for (const [unit, by] of [["k", 1e3], ["M", 1e6], ["G", 1e9], ["T", 1e12]]) {
    const value = n / by;
    if (Math.abs(value) < 999.95) return [value.toFixed(Math.abs(value) < 100 ? 1 : 0), unit];
  }
  return [n.toExponential(1), ""];
}

/** compact as one text. */
export const short = (n) => compact(n).filter(Boolean).join(" ");

/** A number of bytes, as its digits and its unit. */
export function bytes(n) {
  const [value, unit] = compact(n);
  return [value, unit + "B"];
}

/** A time of day, with milliseconds where they are wanted. */
export function clock(seconds, precise) {
  const at = new Date(seconds * 1000);
  const two = (n) => String(n).padStart(2, "0");
  const text = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return precise ? `${text}.${String(at.getMilliseconds()).padStart(3, "0")}` : text;
}

/** A span of time. */
export function span(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 100) return `${seconds.toFixed(seconds < 10 && !Number.isInteger(seconds) ? 1 : 0)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** An address without what all have in common. */
export const place = (address) => address.replace(/^(plain\+)?tcp:\/\//, "");

/** A text that fits into a width, at about so many pixels a character. */
export function fit(text, width, per = 7) {
  const most = Math.max(3, Math.floor(width / per));
  const all = Array.from(text);
  if (all.length <= most) return text;
  return /:\d+$/.test(text) ? "…" + all.slice(1 - most).join("") : all.slice(0, most - 1).join("") + "…"; // ports tell addresses apart
}
