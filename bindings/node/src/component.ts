/*
 * Component, the base class of Publisher, Receiver, PostOffice and Node: options, life cycle,
 * counters and events.
 *
 * Rules
 *   Threads   An object belongs to the thread (main or worker) that made it, as every object of
 *             JavaScript does. So there are no locks. No call blocks: the library's waiting
 *             functions are called with timeout 0, at intervals, by until() in native.ts.
 *   Lifetime  A started component is in the set `started`, which keeps it from being garbage
 *             collected; it leaves when it stops or is closed. The finalizer closes one
 *             that was never started, or has stopped.
 *   Workers   In a worker each component opens its wake socket at once. Node closes the socket
 *             when the worker ends, and the library then closes the component.
 *   Hooks     Subclasses extend onStarted, onStopped, onChange (listeners or state changed), onWake
 *             (the library has envelopes) and onClosing. Each calls its super method first or last.
 *   Events    The library queues events. They are polled every EVENT_POLL_MS while 'event' or
 *             'stopped' has a listener, and not otherwise.
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
  openWakeSocket,
} from './native';
import { hasWakeSockets } from './platform';
import { showWarnings } from './warnings';

/** Values of options: durations in milliseconds or as `'1m30s'`, sizes in bytes or as `'2KiB'`. */
export type Option = string | number | boolean;

/** Options by their names; docs/configuration.md lists them. */
export type Options = Record<string, Option>;

/** Counters, by the names that docs/guide.md explains. */
export type Stats = Record<string, unknown> & { kind: string; name: string; state: string; ready: boolean };

/** An event of a component, such as a connection made or lost. docs/guide.md lists the kinds. */
export type ComponentEvent = Record<string, unknown> & { ts: number; kind: string; level: string; text: string };

/** What the finalizer closes once a component is garbage. */
export interface Resources {
  handle: number;
  socket?: Socket;
}

/** Started components. The reference here keeps them from being collected until they stop. */
const started = new Set<Component>();

/** Closes components that were never started, or have stopped; closing those never blocks. */
const forgotten = new FinalizationRegistry<Resources>(({ handle, socket }) => {
  library().hermes_close(handle);
  socket?.destroy();
});

/** The interval between polls for events, in milliseconds. */
const EVENT_POLL_MS = 100;

/**
 * The base class of `Publisher`, `Receiver`, `PostOffice` and `Node`.
 *
 * Emits `'event'` with each event, and `'stopped'` with the `stopReason` each time it has
 * stopped: by `stop`, by `close`, or by itself. Without a listener for `'event'`, an address
 * that cannot be reached is reported as a process warning of the type `HermesWarning`, at most
 * once a minute.
 */
export abstract class Component extends EventEmitter {
  /** The handle of hermes.h. */
  readonly handle: number;
  /** @internal */ protected readonly resources: Resources;
  /** @internal */ protected closed = false;
  #running = false;
  #closing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopWarnings: () => void = () => undefined; // stops the timer of showWarnings

  /** @internal */
  protected constructor(make: (out: BigUint64Array) => number, given?: Options) {
    super();
    const settings = Object.entries(options(given, 'the options'));
    check(make(POINTER));
    this.handle = Number(POINTER[0]);
    try {
      for (const [key, value] of settings) setOption(this.handle, key, value as Option);
    } catch (error) {
      // Close it here: no finalizer is registered yet, and the constructor never returns it.
      library().hermes_close(this.handle);
      throw error;
    }
    this.resources = { handle: this.handle };
    forgotten.register(this, this.resources, this.resources);
    if (!isMainThread && hasWakeSockets()) this.openWakeSocket(); // the end of the worker then closes it
    this.on('newListener', () => queueMicrotask(() => this.onChange()));
    this.on('removeListener', () => this.onChange());
  }

  /** The handle; throws EBADHANDLE once closed. @internal */
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

  /** Reads an option, or a read-only key: `'state'`, `'address'`, `'endpoint'`, … */
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

  /** Why it stopped: `'stop'` after `stop` or `close`, else an error text; empty while it runs. */
  get stopReason(): string {
    return this.get('stop_reason');
  }

  /** All counters, taken at one instant. */
  stats(): Stats {
    check(library().hermes_stats(this.open, POINTER, LENGTH));
    return parse(takeBytes().toString()) as Stats;
  }

  // ---- Life cycle

  /** Binds, or begins to connect. It runs until it is stopped, even if nothing refers to it. */
  start(): this {
    check(library().hermes_start(this.open));
    this.onStarted();
    return this;
  }

  /**
   * Stops it. A publisher first sends what it has queued, for at most `timeout`
   * milliseconds; rejects with ETIMEOUT if envelopes were dropped.
   */
  async stop(timeout = 1000): Promise<void> {
    const ms = milliseconds(timeout);
    const ran = library().hermes_wait(this.open, 0) === codes.ETIMEOUT;
    if (ran) {
      check(library().hermes_stop_begin(this.handle, ms));
      await this.#untilStopped();
    }
    this.onStopped();
    const given = ran && !this.closed ? this.get('stop_error') : '';
    if (given) throw new HermesError('ETIMEOUT', given);
  }

  /** Stops it if it runs, and frees it. Waiting calls reject with ESTOPPED; loops over it end. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    const linger = milliseconds(durationOf(this.get('linger')));
    this.closed = true;
    this.onClosing();
    this.#emitEvents();
    const { hermes_wait, hermes_stop_begin, hermes_close } = library();
    if (hermes_wait(this.handle, 0) === codes.ETIMEOUT) {
      hermes_stop_begin(this.handle, linger);
      await this.#untilStopped();
    }
    forgotten.unregister(this.resources);
    hermes_close(this.handle); // does not block: it has stopped
    this.resources.socket?.destroy(); // after hermes_close, since closing the socket closes the component
    started.delete(this);
    this.onStopped();
  }

  /** Resolves when it is not running. The polling timer keeps the process alive meanwhile. */
  #untilStopped(): Promise<void> {
    return until(() => library().hermes_wait(this.handle, 0), FOREVER, () => undefined);
  }

  /** Resolves when it is not running; rejects with ETIMEOUT after `timeout` milliseconds. */
  async wait(timeout = FOREVER): Promise<void> {
    const handle = this.open;
    await until(() => (this.closed ? 0 : library().hermes_wait(handle, 0)), milliseconds(timeout), check);
  }

  /** Resolves when it is ready: connected, and for a publisher, with a subscriber. */
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

  /** Takes the oldest event; null when the timeout expires. */
  async nextEvent(timeout = FOREVER): Promise<ComponentEvent | null> {
    const handle = this.open;
    const ask = (): number => (this.closed ? 0 : library().hermes_next_event(handle, 0, POINTER, LENGTH));
    return until(ask, milliseconds(timeout), (code) => {
      if (this.closed) throw this.#closedMeanwhile();
      if (code === codes.ETIMEOUT) return null;
      check(code);
      return parse(takeBytes().toString()) as ComponentEvent;
    });
  }

  // ---- Hooks for subclasses

  /** Called after it was started. @internal */
  onStarted(): void {
    this.#running = true;
    started.add(this);
    this.#stopWarnings();
    this.#stopWarnings = showWarnings(() => this.#warning());
    this.onChange();
  }

  /** Called after it has stopped. @internal */
  onStopped(): void {
    if (!this.#running) return;
    this.#emitEvents();
    this.#running = false;
    started.delete(this);
    this.#stopWarnings();
    this.onChange();
    this.emit('stopped', this.closed ? 'stop' : this.stopReason);
  }

  /** Whether it was started, and is not known to have stopped. @internal */
  protected get running(): boolean {
    return this.#running && !this.closed;
  }

  /** Opens the wake socket, which calls onWake when envelopes may be queued. @internal */
  protected openWakeSocket(): void {
    const weak = new WeakRef(this); // the socket must not keep it alive; `started` does while it runs
    this.resources.socket ??= openWakeSocket(this.handle, () => weak.deref()?.onWake());
  }

  /** Called when envelopes may be queued. @internal */
  protected onWake(): void {
    // only receivers use it
  }

  /** Called before it is closed: stops timers. @internal */
  protected onClosing(): void {
    this.resources.socket?.unref();
    this.#stopWarnings();
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Called when listeners were added or removed, and after a start or stop. @internal */
  protected onChange(): void {
    const wanted = this.running && this.listenerCount('event') + this.listenerCount('stopped') > 0;
    if (wanted && !this.#timer) {
      this.#timer = setInterval(() => this.#poll(), EVENT_POLL_MS).unref();
    } else if (!wanted && this.#timer) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  /** The pending warning about its connections; empty if the program listens for events itself. */
  #warning(): string {
    return this.running && this.listenerCount('event') === 0 ? this.get('warning') : '';
  }

  #poll(): void {
    this.#emitEvents();
    if (this.running && library().hermes_wait(this.handle, 0) !== codes.ETIMEOUT) this.onStopped();
  }

  #emitEvents(): void {
    while (this.listenerCount('event') > 0) {
      if (library().hermes_next_event(this.handle, 0, POINTER, LENGTH) !== 0) return;
      this.emit('event', parse(takeBytes().toString()) as ComponentEvent);
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
  const terms = text.matchAll(/([\d.]+)(h|ms|m|s|us|µs|ns)/g);
  return Array.from(terms).reduce((sum, [, number, unit]) => sum + Number(number) * (units[unit as string] ?? 0), 0);
}

// Support `await using`, if the runtime has Symbol.asyncDispose.
const dispose = (Symbol as { asyncDispose?: symbol }).asyncDispose;
if (dispose) {
  Object.defineProperty(Component.prototype, dispose, {
    value(this: Component): Promise<void> {
      return this.close();
    },
  });
}
