/*
 * What publishers, receivers, post offices and nodes have in common.
 */
import { EventEmitter } from 'node:events';
import { codes, HermesError } from './errors';
import { parse } from './json';
import { check, cString, elsewhere, failure, FOREVER, library, milliseconds, takeText, until, type Poll } from './native';

/** Values of options: durations in milliseconds or as `'1m30s'`, sizes in bytes or as `'2KiB'`. */
export type Option = string | number | boolean;

/** Options by their names; docs/configuration.md lists them. */
export type Options = Record<string, Option>;

/** Counters, by the names that docs/guide.md explains. */
export type Stats = Record<string, unknown> & { kind: string; name: string; state: string; ready: boolean };

/** A notice of what happened to an object. */
export type Notice = Record<string, unknown> & { ts: number; kind: string; level: string; text: string };

/** What remains to be closed of an object that nobody refers to any more. */
export interface Remains {
  handle: number;
  poll?: Poll;
}

const forgotten = new FinalizationRegistry<Remains>(({ handle, poll }) => {
  poll?.close();
  void elsewhere(library().hermes_close, handle);
});

/** How often notices are asked for, where somebody listens for them, in milliseconds. */
const NOTICES_EVERY = 100;

/**
 * Emits `'event'` with each notice, and `'stopped'` with the `stopReason` whenever it has
 * stopped: by `stop`, by `close`, or by itself.
 */
export abstract class Part extends EventEmitter {
  /** The number that hermes.h knows it by. */
  readonly handle: number;
  /** @internal */ protected readonly remains: Remains;
  /** @internal */ protected closed = false;
  #running = false;
  #closing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @internal */
  protected constructor(make: (out: [number]) => number, options: Options = {}) {
    super();
    const out: [number] = [0];
    check(make(out));
    this.handle = out[0];
    this.remains = { handle: this.handle };
    forgotten.register(this, this.remains, this.remains);
    this.on('newListener', () => queueMicrotask(() => this.attend()));
    this.on('removeListener', () => this.attend());
    for (const [key, value] of Object.entries(options)) setOption(this.handle, key, value);
  }

  // ---- Options and facts

  /** Sets an option. */
  set(key: string, value: Option): this {
    setOption(this.handle, key, value);
    return this;
  }

  /** Reads an option or a fact: `'state'`, `'address'`, `'endpoint'`, … */
  get(key: string): string {
    for (let room = 256; ; room *= 4) {
      const buffer = Buffer.alloc(room);
      const code = library().hermes_get(this.handle, cString(key, 'the option'), buffer, room);
      if (code === 0) return buffer.toString('utf8', 0, buffer.indexOf(0));
      if (code !== codes.ERANGE) throw failure(code);
    }
  }

  get name(): string {
    return this.get('name');
  }

  /** `'new'`, `'running'`, `'stopping'` or `'stopped'`. */
  get state(): string {
    return this.get('state');
  }

  /** Why it stopped: `'stop'` where it was told to, else a text; empty while it runs. */
  get stopReason(): string {
    return this.get('stop_reason');
  }

  /** All counters, taken at one instant. */
  stats(): Stats {
    const json: [unknown] = [null];
    const length: [number] = [0];
    check(library().hermes_stats(this.handle, json, length));
    return parse(takeText(json[0], length[0])) as Stats;
  }

  // ---- Life

  /** Starts it: binds, or begins to connect. */
  start(): this {
    check(library().hermes_start(this.handle));
    this.begun();
    return this;
  }

  /**
   * Stops it. A publisher first sends what it has queued, for at most so many
   * milliseconds; where it has to give up some, this rejects with ETIMEOUT.
   */
  async stop(timeout = 1000): Promise<void> {
    const code = await elsewhere(library().hermes_stop, this.handle, milliseconds(timeout));
    if (code === 0 || code === codes.ETIMEOUT) this.ended();
    if (code === codes.ETIMEOUT) throw this.#leftBehind(code);
    if (code !== 0) throw new HermesError(code, library().hermes_strerror(code));
  }

  #leftBehind(code: number): HermesError {
    const { dropped_stop: dropped } = this.closed ? { dropped_stop: undefined } : this.stats();
    const text = library().hermes_strerror(code);
    return new HermesError(code, dropped === undefined ? text : `${text}: ${String(dropped)} envelopes were given up`);
  }

  /** Stops it if need be, and frees it. Whoever waits for it gets ESTOPPED. */
  close(): Promise<void> {
    if (this.#closing) return this.#closing;
    this.closed = true;
    this.release();
    forgotten.unregister(this.remains);
    this.#drain();
    this.#closing = elsewhere(library().hermes_close, this.handle).then(() => this.ended());
    return this.#closing;
  }

  /** Waits until it is not running. */
  async wait(timeout = FOREVER): Promise<void> {
    const code = await until(() => library().hermes_wait(this.handle, 0), milliseconds(timeout));
    check(code);
  }

  /** Waits until it can do its work: connected, and a publisher also heard by somebody. */
  async waitReady(timeout = FOREVER): Promise<void> {
    const code = await until(() => library().hermes_wait_ready(this.handle, 0), milliseconds(timeout));
    check(code);
  }

  /** Takes the oldest notice; null when there is none in time. */
  async nextEvent(timeout = FOREVER): Promise<Notice | null> {
    const json: [unknown] = [null];
    const length: [number] = [0];
    const ask = (): number => library().hermes_next_event(this.handle, 0, json, length);
    const code = await until(ask, milliseconds(timeout));
    if (code === codes.ETIMEOUT) return null;
    check(code);
    return parse(takeText(json[0], length[0])) as Notice;
  }

  // ---- For those that extend it

  /** It has been started. @internal */
  begun(): void {
    this.#running = true;
    this.attend();
  }

  /** It has stopped. @internal */
  ended(): void {
    if (!this.#running) return;
    this.#drain();
    this.#running = false;
    this.attend();
    this.emit('stopped', this.closed ? 'stop' : this.stopReason);
  }

  /** Whether it was started, and is not known to have stopped. @internal */
  protected get running(): boolean {
    return this.#running && !this.closed;
  }

  /** It is about to be closed: lets go of what hangs on it. @internal */
  protected release(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Listeners came or went, or it was started or stopped. @internal */
  protected attend(): void {
    const wanted = this.running && this.listenerCount('event') + this.listenerCount('stopped') > 0;
    if (wanted && !this.#timer) {
      this.#timer = setInterval(() => this.#look(), NOTICES_EVERY).unref();
    } else if (!wanted && this.#timer) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  #look(): void {
    this.#drain();
    if (this.running && library().hermes_wait(this.handle, 0) !== codes.ETIMEOUT) this.ended();
  }

  #drain(): void {
    const json: [unknown] = [null];
    const length: [number] = [0];
    while (this.listenerCount('event') > 0) {
      if (library().hermes_next_event(this.handle, 0, json, length) !== 0) return;
      this.emit('event', parse(takeText(json[0], length[0])) as Notice);
    }
  }
}

function setOption(handle: number, key: string, value: Option): void {
  const text = typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
  check(library().hermes_set(handle, cString(key, 'the option'), cString(text, `the value of ${key}`)));
}

// `await using` closes, where the runtime knows it.
const dispose = (Symbol as { asyncDispose?: symbol }).asyncDispose;
if (dispose) {
  Object.defineProperty(Part.prototype, dispose, {
    value(this: Part): Promise<void> {
      return this.close();
    },
  });
}
