/*
 * What publishers, receivers, post offices and nodes have in common.
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';
import { codes, HermesError } from './errors';
import { parse } from './json';
import {
  check,
  cString,
  failure,
  FOREVER,
  LENGTH,
  library,
  milliseconds,
  options,
  POINTER,
  shown,
  takeBytes,
  until,
  wakeUps,
} from './native';
import { showWarnings } from './warnings';

/** Values of options: durations in milliseconds or as `'1m30s'`, sizes in bytes or as `'2KiB'`. */
export type Option = string | number | boolean;

/** Options by their names; docs/configuration.md lists them. */
export type Options = Record<string, Option>;

/** Counters, by the names that docs/guide.md explains. */
export type Stats = Record<string, unknown> & { kind: string; name: string; state: string; ready: boolean };

/** A notice of what happened to an object. */
export type Notice = Record<string, unknown> & { ts: number; kind: string; level: string; text: string };

/** What remains to be closed of an object that nothing refers to any more. */
export interface Remains {
  handle: number;
  socket?: Socket;
}

/** Parts that have been started: they work, and are no garbage, until they have stopped. */
const started = new Set<Part>();

/** What was never started, or has stopped: closing it takes no time. */
const forgotten = new FinalizationRegistry<Remains>(({ handle, socket }) => {
  library().hermes_close(handle);
  socket?.destroy();
});

/** How often notices are asked for, where somebody listens for them, in milliseconds. */
const NOTICES_EVERY = 100;

/**
 * Emits `'event'` with each notice, and `'stopped'` with the `stopReason` whenever it has
 * stopped: by `stop`, by `close`, or by itself. Where nothing listens for `'event'`, an address
 * that cannot be reached is a warning of the process, of the type `HermesWarning`, once a minute.
 */
export abstract class Part extends EventEmitter {
  /** The number that hermes.h knows it by. */
  readonly handle: number;
  /** @internal */ protected readonly remains: Remains;
  /** @internal */ protected closed = false;
  #running = false;
  #closing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #silence: () => void = () => undefined; // ends what showWarnings has begun

  /** @internal */
  protected constructor(make: (out: BigUint64Array) => number, given?: Options) {
    super();
    const settings = Object.entries(options(given, 'the options'));
    check(make(POINTER));
    this.handle = Number(POINTER[0]);
    try {
      for (const [key, value] of settings) setOption(this.handle, key, value as Option);
    } catch (error) {
      // Before there are listeners, which would meet an object that has never become a whole one.
      library().hermes_close(this.handle);
      throw error;
    }
    this.remains = { handle: this.handle };
    forgotten.register(this, this.remains, this.remains);
    if (!isMainThread) this.listen(); // so that the end of the worker closes it
    this.on('newListener', () => queueMicrotask(() => this.attend()));
    this.on('removeListener', () => this.attend());
  }

  /** The handle, for a call that a closed part refuses. @internal */
  protected get open(): number {
    if (this.closed) throw new HermesError('EBADHANDLE', `this ${this.constructor.name} is closed`);
    return this.handle;
  }

  // ---- Options and facts

  /** Sets an option. */
  set(key: string, value: Option): this {
    setOption(this.open, key, value);
    return this;
  }

  /** Reads an option or a fact: `'state'`, `'address'`, `'endpoint'`, … */
  get(key: string): string {
    for (let room = 256; ; room *= 4) {
      const buffer = Buffer.alloc(room);
      const code = library().hermes_get(this.open, cString(key, 'the option'), buffer, room);
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
    check(library().hermes_stats(this.open, POINTER, LENGTH));
    return parse(takeBytes().toString()) as Stats;
  }

  // ---- Life

  /** Starts it: binds, or begins to connect. It works until it is stopped, whatever refers to it. */
  start(): this {
    check(library().hermes_start(this.open));
    this.begun();
    return this;
  }

  /**
   * Stops it. A publisher first sends what it has queued, for at most so many
   * milliseconds; where it has to give up some, this rejects with ETIMEOUT.
   */
  async stop(timeout = 1000): Promise<void> {
    const ms = milliseconds(timeout);
    const ran = library().hermes_wait(this.open, 0) === codes.ETIMEOUT;
    if (ran) {
      check(library().hermes_stop_begin(this.handle, ms));
      await this.#over();
    }
    this.ended();
    const given = ran && !this.closed ? this.get('stop_error') : '';
    if (given) throw new HermesError('ETIMEOUT', given);
  }

  /** Stops it if need be, and frees it. What waits for it gets ESTOPPED; loops over it end. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    const linger = milliseconds(durationOf(this.get('linger')));
    this.closed = true;
    this.release();
    this.#drain();
    const { hermes_wait, hermes_stop_begin, hermes_close } = library();
    if (hermes_wait(this.handle, 0) === codes.ETIMEOUT) {
      hermes_stop_begin(this.handle, linger);
      await this.#over();
    }
    forgotten.unregister(this.remains);
    hermes_close(this.handle); // quick, for it has stopped
    this.remains.socket?.destroy(); // not before, for the library would close by itself then
    started.delete(this);
    this.ended();
  }

  /** Waits until it does not run. Asking keeps the process alive meanwhile, and no thread waits. */
  #over(): Promise<void> {
    return until(() => library().hermes_wait(this.handle, 0), FOREVER, () => undefined);
  }

  /** Waits until it is not running. */
  async wait(timeout = FOREVER): Promise<void> {
    const handle = this.open;
    await until(() => (this.closed ? 0 : library().hermes_wait(handle, 0)), milliseconds(timeout), check);
  }

  /** Waits until it can do its work: connected, and a publisher also heard by a subscriber. */
  async waitReady(timeout = FOREVER): Promise<void> {
    const handle = this.open;
    const ask = (): number => (this.closed ? 0 : library().hermes_wait_ready(handle, 0));
    await until(ask, milliseconds(timeout), (code) => {
      if (this.closed) throw this.#closedMeanwhile();
      check(code);
    });
  }

  #closedMeanwhile(): HermesError {
    return new HermesError('ESTOPPED', `this ${this.constructor.name} was closed`);
  }

  /** Takes the oldest notice; null when there is none in time. */
  async nextEvent(timeout = FOREVER): Promise<Notice | null> {
    const handle = this.open;
    const ask = (): number => (this.closed ? 0 : library().hermes_next_event(handle, 0, POINTER, LENGTH));
    return until(ask, milliseconds(timeout), (code) => {
      if (this.closed) throw this.#closedMeanwhile();
      if (code === codes.ETIMEOUT) return null;
      check(code);
      return parse(takeBytes().toString()) as Notice;
    });
  }

  // ---- For those that extend it

  /** It has been started. @internal */
  begun(): void {
    this.#running = true;
    started.add(this);
    this.#silence();
    this.#silence = showWarnings(() => this.#warning());
    this.attend();
  }

  /** It has stopped. @internal */
  ended(): void {
    if (!this.#running) return;
    this.#drain();
    this.#running = false;
    started.delete(this);
    this.#silence();
    this.attend();
    this.emit('stopped', this.closed ? 'stop' : this.stopReason);
  }

  /** Whether it was started, and is not known to have stopped. @internal */
  protected get running(): boolean {
    return this.#running && !this.closed;
  }

  /** Has the library wake this thread when there may be something to take. @internal */
  protected listen(): void {
    const weak = new WeakRef(this); // which must not keep it: `started` does, while it has to
    this.remains.socket ??= wakeUps(this.handle, () => weak.deref()?.woken());
  }

  /** There may be something to take. @internal */
  protected woken(): void {
    // of interest to receivers alone
  }

  /** It is about to be closed: lets go of what hangs on it. @internal */
  protected release(): void {
    this.remains.socket?.unref();
    this.#silence();
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

  /** What is to be shown of its connections: nothing where the program takes the notices. */
  #warning(): string {
    return this.running && this.listenerCount('event') === 0 ? this.get('warning') : '';
  }

  #look(): void {
    this.#drain();
    if (this.running && library().hermes_wait(this.handle, 0) !== codes.ETIMEOUT) this.ended();
  }

  #drain(): void {
    while (this.listenerCount('event') > 0) {
      if (library().hermes_next_event(this.handle, 0, POINTER, LENGTH) !== 0) return;
      this.emit('event', parse(takeBytes().toString()) as Notice);
    }
  }
}

function setOption(handle: number, key: string, value: Option): void {
  const name = cString(key, 'the option');
  check(library().hermes_set(handle, name, cString(optionText(key, value), `the value of ${key}`)));
}

function optionText(key: string, value: unknown): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))) return String(value);
  throw new HermesError('EINVAL', `the value of ${key} is ${shown(value)}, and must be a string, a number or a boolean`);
}

const units: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 1e-3, µs: 1e-3, ns: 1e-6 };

/** Milliseconds of a duration as the library writes it: `1m30s`. */
function durationOf(text: string): number {
  const parts = text.matchAll(/([\d.]+)(h|ms|m|s|us|µs|ns)/g);
  return Array.from(parts).reduce((sum, [, number, unit]) => sum + Number(number) * (units[unit as string] ?? 0), 0);
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
