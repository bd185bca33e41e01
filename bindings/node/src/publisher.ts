import { HermesError } from './errors';
import { write } from './json';
import { check, cString, failure, library, milliseconds, pause, utf8 } from './native';
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

  constructor(address: string, name: string, options: Options = {}) {
    const where = cString(address, 'the address');
    const who = cString(name, 'the name');
    super((out) => library().hermes_publisher_new(where, who, out), { 'queue.full': 'error', ...options });
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
  publishText(topic: string, json: string | Buffer, origin?: string | null): void {
    this.#publish(topic, typeof json === 'string' ? utf8(json, 'the data') : json, origin);
  }

  /** As `publish`, but waits for room, and in its turn, without holding anybody up. */
  publishAsync(topic: string, data: unknown, options: PublishOptions = {}): Promise<void> {
    const bytes = Buffer.from(write(data)); // now, for the caller may change it
    const before = this.#last;
    const done = before.then(async () => {
      await this.#hasRoom(bytes.length, milliseconds(options.timeout ?? 1000));
      this.#publish(topic, bytes, options.origin);
    });
    this.#last = done.catch(() => undefined);
    return done;
  }

  /**
   * Queues many envelopes in one call, in order; returns how many. If anything is wrong
   * with one, none is queued. Where the queue is full, the error has their `count`.
   */
  publishMany(items: Iterable<Item>): number {
    const list = Array.from(items, ([topic, data, origin]) => [text(topic), text(origin ?? null), value(data)]);
    const bytes = Buffer.from(write(list));
    const count: [number] = [0];
    const code = library().hermes_publish_batch(this.handle, bytes, bytes.length, count);
    this.spend(count[0], bytes.length);
    if (code !== 0) throw Object.assign(failure(code), { count: count[0] });
    return count[0];
  }

  #publish(topic: string, data: Buffer, origin?: string | null): void {
    const subject = utf8(topic, 'the topic');
    const who = origin == null ? null : utf8(origin, 'the origin');
    const { hermes_publish } = library();
    // An empty origin is one, and not none.
    const whoAt = who?.length === 0 ? NOTHING : who;
    const code = hermes_publish(this.handle, subject, subject.length, whoAt, who?.length ?? 0, data, data.length);
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

function text(value: string | null): string | null {
  if (value !== null) utf8(value, 'a topic or an origin');
  return value;
}

// In an array, JSON.stringify would make null of it.
function value(data: unknown): unknown {
  if (data === undefined || typeof data === 'function' || typeof data === 'symbol') {
    throw new HermesError('EJSON', `data cannot be written as JSON: ${typeof data}`);
  }
  return data;
}

