import { HermesError } from './errors';
import { jsonBytes, write } from './json';
import { addressOf, addressOfAscii, check, checkText, COUNT, cString, failure, library, milliseconds, options, pause, shown, yieldToEventLoop, yieldIsDue, utf8 } from './native';
import { Component, type Option, type Options } from './component';

/** An envelope for `publishMany`: topic, data, and an origin if it is not the publisher's name. */
export type Item = readonly [topic: string, data: unknown, origin?: string | null];

export interface PublishOptions {
  /** The origin. Default: the publisher's name. */
  origin?: string | null;
  /** How long to wait for room in a full queue, in milliseconds. Default: 1000. */
  timeout?: number;
}

/**
 * Publishes through the post office at an address.
 *
 * The option `queue.full` defaults to `error` here, so that `publish` never waits, which
 * would block the event loop.
 */
export class Publisher extends Component {
  /** A lower bound of the queue's free room, from the last reading of its counters. */
  #room = { messages: 0, bytes: 0 };
  #last: Promise<void> = Promise.resolve();

  constructor(address: string, name: string, given?: Options) {
    const where = cString(address, 'the address');
    const cName = cString(name, 'the name');
    const settings = { 'queue.full': 'error', ...options(given, 'the options') };
    super((out) => library().hermes_publisher_new(where, cName, out), settings);
  }

  override set(key: string, value: Option): this {
    this.#room = { messages: 0, bytes: 0 }; // the option may change the queue's size
    return super.set(key, value);
  }

  /** Queues one envelope. Throws EFULL when the queue is full. */
  publish(topic: string, data: unknown, origin?: string | null): void {
    this.#publishText(topic, write(data), origin);
  }

  /** Like `publish`, with data that is JSON text already. */
  publishText(topic: string, json: string | Uint8Array, origin?: string | null): void {
    if (typeof json === 'string') this.#publishText(topic, json, origin);
    else this.#publish(topic, jsonBytes(json), origin);
  }

  /**
   * Like `publish`, with a trace context in the form of W3C, which receivers find in `traceparent`
   * if it is sampled.
   */
  publishTraced(topic: string, data: unknown, traceparent: string, origin?: string | null): void {
    const subject = utf8(topic, 'the topic');
    const source = origin == null ? null : utf8(origin, 'the origin');
    const json = jsonBytes(write(data));
    const context = cString(traceparent, 'the traceparent');
    const code = library().hermes_publish_traced(
      this.open, subject, subject.length, source, source?.length ?? 0, json, json.length, context);
    this.spend(1, subject.length + json.length);
    check(code);
  }

  /** Like `publish`, but waits for room without blocking the event loop. Keeps the order of the calls. */
  async publishAsync(topic: string, data: unknown, given?: PublishOptions): Promise<void> {
    // Converted before waiting: the caller may change the data, and errors are thrown at once.
    const bytes = Buffer.from(write(data));
    const { origin, timeout: wait } = options(given, 'the options');
    const timeout = milliseconds(wait ?? 1000);
    utf8(topic, 'the topic');
    if (origin != null) utf8(origin, 'the origin');
    const before = this.#last;
    const done = before.then(async () => {
      if (yieldIsDue()) await yieldToEventLoop();
      await this.#hasRoom(bytes.length, timeout);
      this.#publish(topic, bytes, origin);
    });
    this.#last = done.catch(() => undefined);
    return done;
  }

  /**
   * Queues many envelopes in one call, in order; returns how many. If anything is wrong
   * with one, none is queued. Where the queue is full, the error has their `count`.
   */
  publishMany(items: Iterable<Item>): number {
    const bytes = Buffer.from(`[${itemsOf(items).map(itemText).join()}]`);
    const code = library().hermes_publish_batch(this.open, bytes, bytes.length, COUNT);
    const count = Number(COUNT[0]);
    this.spend(count, bytes.length);
    if (code !== 0) throw Object.assign(failure(code), { count });
    return count;
  }

  /** Nearly all texts are short and ASCII: then they are written to one place with one call. */
  #publishText(topic: string, json: string, origin?: string | null): void {
    const size = typeof topic === 'string' && origin == null ? topic.length : -1;
    const at = size < 0 ? 0 : addressOfAscii(topic + json);
    if (at === 0) return this.#publish(topic, jsonBytes(json), origin);
    const code = library().hermes_publish(this.open, at, size, 0, 0, at + size, json.length);
    this.spend(1, size + json.length);
    if (code !== 0) throw failure(code);
  }

  #publish(topic: string, data: Buffer, origin?: string | null): void {
    const subject = utf8(topic, 'the topic');
    const source = origin == null ? undefined : utf8(origin, 'the origin');
    const length = source?.length ?? 0;
    const at = addressOf(subject, source ?? EMPTY, data);
    const originAt = source ? at + subject.length : 0; // for C, NULL is the publisher's name
    const dataAt = at + subject.length + length;
    const code = library().hermes_publish(this.open, at, subject.length, originAt, length, dataAt, data.length);
    this.spend(1, subject.length + data.length);
    check(code);
  }

  /** Subtracts queued envelopes from the known room. @internal */
  spend(messages: number, bytes: number): void {
    this.#room.messages -= messages;
    this.#room.bytes -= bytes + OVERHEAD * messages;
  }

  /**
   * Waits until the queue has room. It reads counters instead of trying to publish, since each
   * failed attempt is counted as a dropped envelope.
   */
  async #hasRoom(bytes: number, timeout: number): Promise<void> {
    const end = timeout < 0 ? Infinity : performance.now() + timeout;
    for (let interval = 1; !this.#fits(bytes) && performance.now() < end; interval = Math.min(2 * interval, 50)) {
      await pause(interval);
    }
  }

  #fits(bytes: number): boolean {
    const enough = (): boolean => this.#room.messages > 0 && this.#room.bytes > bytes + OVERHEAD;
    if (this.closed || enough()) return true;
    const { queued, queued_bytes: queuedBytes, state } = this.stats() as Record<string, unknown>;
    if (state !== 'running' || queued === 0) return true;
    this.#room.messages = Number(this.get('queue.messages')) - Number(queued);
    this.#room.bytes = Number(this.get('queue.bytes')) - Number(queuedBytes);
    return enough();
  }
}

/** An upper bound of the bytes that the library counts for an envelope besides topic and data. */
const OVERHEAD = 1024;

const EMPTY = Buffer.alloc(0);

function itemsOf(items: Iterable<Item>): Item[] {
  const iterable = typeof items === 'object' && items !== null && Symbol.iterator in items;
  if (!iterable) throw new HermesError('EINVAL', `the envelopes are ${shown(items)}, and must be a list`);
  return Array.from(items);
}

/** An item as JSON for hermes_publish_batch(); throws what `publish` would throw. */
function itemText(item: Item): string {
  if (!Array.isArray(item)) {
    throw new HermesError('EINVAL', `an envelope is ${shown(item)}, and must be [topic, data, origin?]`);
  }
  const [topic, data, origin] = item as Item;
  checkText(topic, 'the topic');
  if (origin != null) checkText(origin, 'the origin');
  return `[${JSON.stringify(topic)},${JSON.stringify(origin ?? null)},${write(data)}]`;
}
