/*
 * What the contestants in Node.js have in common: arguments, ticks, the checks on what arrives,
 * and the talk with the referee (see bench/README.md).
 */
import { isDeepStrictEqual } from 'node:util';

export const [role, ...words] = process.argv.slice(2);
const settings = Object.fromEntries(words.map((word) => word.split(/=(.*)/s)));
export const setting = (key, otherwise = '') => settings[key] ?? otherwise;

export const origin = setting('origin', 'p000');
const count = Number(setting('count', 100_000));
const topics = Array.from({ length: 10 }, (_, i) => `ticks/${String(i).padStart(6, '0')}`);

/** How long a subscriber waits in silence, in milliseconds. */
export const SILENCE = 20_000;

/** How much goes into one call with mode=many. */
export const MOST = 256;

/** How many envelopes are sent before the race, so that V8 has compiled what counts. */
const WARM_UP = 100_000;

const FIRST = 1_000_000_000;

/** The tick of that number; everything about it follows from it. Those below 0 are of the warm-up. */
export function tick(number) {
  const n = Math.abs(number);
  return [
    number < 0 ? 'Warm' : 'Tick',
    1763800000 + (n % 1_000_000) / 1e6,
    'BTCUSD',
    42000 + (n % 100) + (n % 4) / 4,
    FIRST + n,
  ];
}

export const PROBE = ['Probe', 1763800000, 'BTCUSD', 42000, FIRST];

export const topicOf = (number) => topics[Math.abs(number) % topics.length];

const nanoseconds = () => process.hrtime.bigint();

function say(result) {
  console.log(JSON.stringify(result, (_, value) => (typeof value === 'bigint' ? Number(value) : value)));
}

// ---- The referee

let started = false;
let ended;
const end = new Promise((resolve) => (ended = resolve));
process.stdin.on('data', () => (started = true));
process.stdin.on('end', ended);

/** Waits until the referee has closed stdin. */
export const waitForEnd = () => end;

const turn = () => new Promise((resolve) => setImmediate(resolve));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ---- Publishing

/**
 * Sends the warm-up, probes until the referee starts it, and all ticks, `step` in a call of
 * `send`, which returns a promise where it has to wait.
 */
export async function publishAll(send, step, probe) {
  for (let n = -WARM_UP; n < 0; n += step) {
    const sent = send(n);
    if (sent) await sent;
  }
  end.then(() => started || process.exit(0)); // called off
  while (!started) {
    await probe();
    await pause(5);
  }
  const start = nanoseconds();
  for (let n = 0; n < count; n += step) {
    const sent = send(n);
    if (sent) await sent;
  }
  say({ start, end: nanoseconds() });
}

/** The numbers of the ticks of one call, from that one on. */
export const left = (number) => Math.min(MOST, number < 0 ? -number : count - number);

// ---- Checking

/** Looks at what a subscriber gets. */
export class Check {
  #next = -WARM_UP;
  #wrong = 0;
  #first = 0n;
  #last = 0n;
  #complaint = '';
  #ready = false;

  /** One envelope; true when all are there. */
  take(topic, from, data) {
    const number = this.#next;
    if (!same(data, tick(number)) || topic !== topicOf(number) || from !== origin) {
      if (isDeepStrictEqual(data, PROBE)) return this.#probed();
      if (this.#wrong++ === 0) this.#complaint = `${topic} ${from} ${JSON.stringify(data)} instead of number ${number}`;
    }
    if (number === 0) this.#first = nanoseconds();
    this.#next = number + 1;
    if (this.#next < count) return false;
    this.#last = nanoseconds();
    return true;
  }

  #probed() {
    if (!this.#ready) console.log('ready');
    this.#ready = true;
    return false;
  }

  /** Reports the result to the referee. */
  print() {
    say({
      count: Math.max(0, this.#next),
      wrong: this.#wrong,
      first: this.#first,
      last: this.#last || nanoseconds(),
      complaint: this.#complaint,
    });
  }
}

function same(a, b) {
  return a.length === b.length && a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3] && a[4] === b[4];
}
