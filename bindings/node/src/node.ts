import { HermesError } from './errors';
import { jsonBytes, write } from './json';
import { check, cString, FOREVER, library, options, shown, utf8 } from './native';
import { Part, type Options } from './part';
import type { Envelope } from './envelope';
import { Publisher } from './publisher';
import { Receiver } from './receiver';

export interface NodeParts {
  receiver?: Receiver | null;
  publisher?: Publisher | null;
  options?: Options;
}

/**
 * A name for a receiver, a publisher, or both. Starting and stopping it starts and
 * stops them; they remain yours to close. Extend it and write a `run` of your own.
 */
export class Node extends Part {
  readonly receiver: Receiver | null;
  readonly publisher: Publisher | null;

  constructor(name: string, given?: NodeParts) {
    const who = cString(name, 'the name');
    const { receiver = null, publisher = null, options: settings } = options(given, 'the parts of a node');
    if (receiver !== null && !(receiver instanceof Receiver)) {
      throw new HermesError('EINVAL', `the receiver of a node is ${shown(receiver)}`);
    }
    if (publisher !== null && !(publisher instanceof Publisher)) {
      throw new HermesError('EINVAL', `the publisher of a node is ${shown(publisher)}`);
    }
    super((out) => library().hermes_node_new(who, receiver?.handle ?? 0, publisher?.handle ?? 0, out), settings);
    this.receiver = receiver;
    this.publisher = publisher;
  }

  /** Publishes under `channel/name`, with the node's name as the origin. */
  publish(channel: string, data: unknown): void {
    this.publishText(channel, write(data));
  }

  /** As `publish`, with data that is JSON text already. */
  publishText(channel: string, json: string | Uint8Array): void {
    const where = utf8(channel, 'the channel');
    const data = jsonBytes(json);
    const code = library().hermes_node_publish(this.open, where, where.length, data, data.length);
    this.publisher?.spend(1, where.length + data.length);
    check(code);
  }

  /** The oldest envelope of its receiver; null when none came in so many milliseconds. */
  async recv(timeout = FOREVER): Promise<Envelope | null> {
    return this.#ear().recv(timeout);
  }

  /** All envelopes until it stops. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Envelope> {
    return this.#ear()[Symbol.asyncIterator]();
  }

  #ear(): Receiver {
    if (this.receiver) return this.receiver;
    throw new HermesError('ENOTSUP', `node ${this.name} has no receiver`);
  }

  /** What a node does: unless you say otherwise, it publishes all data on channel RAW. */
  async run(): Promise<void> {
    const receiver = this.#ear();
    const before = receiver.takeDetails(true); // to pass on the text, untouched
    try {
      for await (const { data, text, raw } of receiver) this.publishText('RAW', text ?? raw ?? write(data));
    } catch (error) {
      // Stopped or closed between taking one and passing it on, which is its end.
      const over = error instanceof HermesError && (error.code === 'ESTATE' || error.code === 'EBADHANDLE');
      if (!over || (!this.closed && this.state === 'running')) throw error;
    } finally {
      receiver.takeDetails(before);
    }
  }

  /** @internal */
  override begun(): void {
    super.begun();
    this.receiver?.begun();
    this.publisher?.begun();
  }

  /** @internal */
  override ended(): void {
    super.ended();
    if (this.closed) return;
    this.receiver?.ended();
    this.publisher?.ended();
  }
}
