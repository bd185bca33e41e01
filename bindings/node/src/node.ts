import { HermesError } from './errors';
import { jsonBytes, write } from './json';
import { check, cString, FOREVER, library, options, shown, utf8 } from './native';
import { Component, type Options } from './component';
import type { Envelope } from './envelope';
import { Publisher } from './publisher';
import { Receiver } from './receiver';

export interface NodeOptions {
  receiver?: Receiver | null;
  publisher?: Publisher | null;
  options?: Options;
}

/**
 * A name for a receiver, a publisher, or both. Starting and stopping the node starts and
 * stops them; the caller closes them. Extend it with a `run` of your own.
 */
export class Node extends Component {
  readonly receiver: Receiver | null;
  readonly publisher: Publisher | null;

  constructor(name: string, given?: NodeOptions) {
    const cName = cString(name, 'the name');
    const { receiver = null, publisher = null, options: settings } = options(given, 'the options of a node');
    if (receiver !== null && !(receiver instanceof Receiver)) {
      throw new HermesError('EINVAL', `the receiver of a node is ${shown(receiver)}`);
    }
    if (publisher !== null && !(publisher instanceof Publisher)) {
      throw new HermesError('EINVAL', `the publisher of a node is ${shown(publisher)}`);
    }
    super((out) => library().hermes_node_new(cName, receiver?.handle ?? 0, publisher?.handle ?? 0, out), settings);
    this.receiver = receiver;
    this.publisher = publisher;
  }

  /** Publishes under `channel/name`, with the node's name as the origin. */
  publish(channel: string, data: unknown): void {
    this.publishText(channel, write(data));
  }

  /** Like `publish`, with data that is JSON text already. */
  publishText(channel: string, json: string | Uint8Array): void {
    const where = utf8(channel, 'the channel');
    const data = jsonBytes(json);
    const code = library().hermes_node_publish(this.open, where, where.length, data, data.length);
    this.publisher?.spend(1, where.length + data.length);
    check(code);
  }

  /** The oldest envelope of its receiver; null when the timeout (ms) expires. */
  async recv(timeout = FOREVER): Promise<Envelope | null> {
    return this.#requireReceiver().recv(timeout);
  }

  /** All envelopes until it stops. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Envelope> {
    return this.#requireReceiver()[Symbol.asyncIterator]();
  }

  #requireReceiver(): Receiver {
    if (this.receiver) return this.receiver;
    throw new HermesError('ENOTSUP', `node ${this.name} has no receiver`);
  }

  /** The node's loop. The default publishes all received data on channel RAW. */
  async run(): Promise<void> {
    const receiver = this.#requireReceiver();
    const before = receiver.takeDetails(true); // gives the text, which is published unchanged
    try {
      for await (const { data, text, raw } of receiver) this.publishText('RAW', text ?? raw ?? write(data));
    } catch (error) {
      // Stopped or closed between receiving and publishing: the loop ends normally.
      const over = error instanceof HermesError && (error.code === 'ESTATE' || error.code === 'EBADHANDLE');
      if (!over || (!this.closed && this.state === 'running')) throw error;
    } finally {
      receiver.takeDetails(before);
    }
  }

  /** @internal */
  override onStarted(): void {
    super.onStarted();
    this.receiver?.onStarted();
    this.publisher?.onStarted();
  }

  /** @internal */
  override onStopped(): void {
    super.onStopped();
    if (this.closed) return;
    this.receiver?.onStopped();
    this.publisher?.onStopped();
  }
}
