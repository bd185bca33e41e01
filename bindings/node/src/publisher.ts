import { HermesError } from './errors';
import { jsonBytes, write } from './json';
import { check, COUNT, cString, failure, library, milliseconds, options, pause, shown, turn, turnIsDue, utf8 } from './native';
import { Part, type Option, type Options } from './part';

/** What `publishMany` takes: a topic, data, and an origin if it is not the publisher's name. */
export type Item = readonly [topic: string, data: unknown, origin?: string | null];

export interface PublishOptions {
  /** Who says so; the publisher's name unless given. */
  origin?: string | null;
  /** How long to wait for room in a full queue, in milliseconds; 1000 unless given. */
  timeout?: number;
}

/**
 * Publishes through the post office at an address.
 *
 * Its option `queue.full` is `error` here, unless you choose: `publish` never waits, for
 * the event loop would wait with it.
 */
export class Publisher extends Part {
  /** How much the queue surely has room for, as far as it is known. */
  #room = { messages: 0, bytes: 0 };
  #last: Promise<void> = Promise.resolve();

  constructor(address: string, name: string, given?: Options) {
    const where = cString(address, 'the address');
    const who = cString(name, 'the name');
    const settings = { 'queue.full': 'error', ...options(given, 'the options') };
    super((out) => library().hermes_publisher_new(where, who, out), settings);
  }

  override set(key: string, value: Option): this {
    this.#room = { messages: 0, bytes: 0 }; // in case it is the queue's
    return super.set(key, value);
  }

  /** Queues one envelope. Throws EFULL when the queue is full. */
  publish(topic: string, data: unknown, origin?: string | null): void {
    this.#publish(topic, Buffer.from(write(data)), origin);
  }

  /** As `publish`, with data that is JSON text already. */
  publishText(topic: string, json: string | Uint8Array, origin?: string | null): void {
    this.#publish(topic, jsonBytes(json), origin);
  }

  /** As `publish`, but waits for room, and in its turn, without holding up the event loop. */
  async publishAsync(topic: string, data: unknown, given?: PublishOptions): Promise<void> {
    // Now, for the caller may change it, and should hear of what is wrong.
    const bytes = Buffer.from(write(data));
    const { origin, timeout: wait } = options(given, 'the options');
    const timeout = milliseconds(wait ?? 1000);
    utf8(topic, 'the topic');
    if (origin != null) utf8(origin, 'the origin');
    const before = this.#last;
    const done = before.then(async () => {
      if (turnIsDue()) await turn();
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

  #publish(topic: string, data: Buffer, origin?: string | null): void {
    const subject = utf8(topic, 'the topic');
    const who = origin == null ? null : utf8(origin, 'the origin');
    const { hermes_publish } = library();
    // An empty origin is one, and not none.
    const whoAt = who?.length === 0 ? NOTHING : who;
    const code = hermes_publish(this.open, subject, subject.length, whoAt, who?.length ?? 0, data, data.length);
    this.spend(1, subject.length + data.length);
    check(code);
  }

  /** Envelopes have gone into the queue. @internal */
  spend(messages: number, bytes: number): void {
    this.#room.messages -= messages;
    this.#room.bytes -= bytes + OVERHEAD * messages;
  }

  /**
   * Waits until the queue has room. Trying would tell as well, but each try that fails
   * is an envelope lost in the books.
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

/** More than what the library counts for an envelope besides its topic and data. */
const OVERHEAD = 1024;

const NOTHING = Buffer.alloc(1);

function itemsOf(items: Iterable<Item>): Item[] {
  const iterable = typeof items === 'object' && items !== null && Symbol.iterator in items;
  if (!iterable) throw new HermesError('EINVAL', `the envelopes are ${shown(items)}, and must be a list`);
  return Array.from(items);
}

/** An item as the library takes it; it refuses what `publish` refuses. */
function itemText(item: Item): string {
  if (!Array.isArray(item)) {
    throw new HermesError('EINVAL', `an envelope is ${shown(item)}, and must be [topic, data, origin?]`);
  }
  const [topic, data, origin] = item as Item;
  utf8(topic, 'the topic');
  if (origin != null) utf8(origin, 'the origin');
  return `[${JSON.stringify(topic)},${JSON.stringify(origin ?? null)},${write(data)}]`;
}
