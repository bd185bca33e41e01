/*
 * Receiver: takes envelopes from the library's queue and gives them to waiting calls (recv,
 * recvMany, loops) and to listeners of 'envelope'.
 *
 * Rules
 *   Wanting   It is "wanted" while it runs and a call waits or 'envelope' has a listener. Only
 *             then does it take envelopes and keep the process alive; else they stay in the
 *             library's queue, where the options of full queues apply.
 *   Waking    #drained means that the last take found the queue empty, so the library will write a
 *             byte to the wake socket for the next envelope. Until then #takeSoon schedules takes.
 *             Without a socket (no descriptor left), it polls every POLL_MS.
 *   Order     Waiting calls are served first, in the order in which they were made; then
 *             listeners. #buffer holds what was taken and not yet given out, from #next on.
 *   Fairness  At most BATCH envelopes are taken before the event loop goes on.
 *   Pace      About PACE_MS of work is taken ahead, for a slow program one envelope: to the library, which
 *             drops what comes while its queue is full and nothing is taken, it must not look stalled.
 *   Threads   All on the thread that made the receiver; there are no locks.
 */
import { codes, HermesError } from './errors';
import { detailedEnvelope, takeEnvelopes, type Envelope } from './envelope';
import { check, COUNT, cString, failure, FOREVER, LENGTH, library, milliseconds, options, POINTER, shown, yieldIsDue, utf8 } from './native';
import { Component, type Options } from './component';

export interface ReceiverOptions {
  /** Subscribes to these topic prefixes (or this one). Default: every topic. */
  topics?: string | Iterable<string>;
  /** Accepts these origins (or this one). Default: every origin. */
  origins?: string | Iterable<string>;
  /** Whether envelopes also have `text` and `received`, which is slower. */
  details?: boolean;
  /** Options by their names; docs/configuration.md lists them. */
  options?: Options;
}

interface Waiter {
  /** The maximum number of envelopes for this call. */
  max: number;
  resolve(envelopes: Envelope[]): void;
  reject(error: Error): void;
  timer?: NodeJS.Timeout;
}

/** The maximum number of envelopes taken from the library before the event loop goes on. */
const BATCH = 256;

/** How long what was taken ahead should last, in milliseconds. */
const PACE_MS = 100;

/** The interval between polls of a receiver that has no wake socket, in milliseconds. */
const POLL_MS = 20;

/**
 * Receives envelopes from the post office at an address.
 *
 * Take envelopes with `recv`, with `for await`, or by listening to `'envelope'`. Meanwhile
 * it keeps the process alive, unless `unref` was called. The library wakes the event loop
 * through a socket; no thread waits.
 */
export class Receiver extends Component {
  #buffer: Envelope[] = [];
  #next = 0;
  #waiters: Waiter[] = [];
  #wanted = false;
  #refed = true;
  /** The last take found the queue empty: the library wakes this thread for the next envelope. */
  #drained = false;
  /** How many envelopes the program takes in PACE_MS, as far as is known. */
  #pace = 1;
  /** How many envelopes the last take has brought; 0: their time has been noted. */
  #taken = 0;
  #takenAt = 0;
  #due: NodeJS.Immediate | NodeJS.Timeout | undefined;
  #details: boolean;

  constructor(address: string, name: string, given?: ReceiverOptions) {
    const where = cString(address, 'the address');
    const cName = cString(name, 'the name');
    const { topics, origins, details = false, options: settings } = options(given, 'the options');
    if (typeof details !== 'boolean') throw new HermesError('EINVAL', `details is ${shown(details)}, and must be a boolean`);
    const wanted = { 'json.lost': true, ...options(settings, 'the options') };
    super((out) => library().hermes_receiver_new(where, cName, out), wanted);
    this.#details = details;
    for (const topic of listOf(topics, 'topics')) this.subscribe(topic);
    for (const origin of listOf(origins, 'origins')) this.accept(origin);
  }

  /** Subscribes to the topics that begin with this prefix. */
  subscribe(topic: string): this {
    const bytes = utf8(topic, 'the topic');
    check(library().hermes_receiver_subscribe(this.open, bytes, bytes.length));
    return this;
  }

  /** Undoes one `subscribe`. */
  unsubscribe(topic: string): this {
    const bytes = utf8(topic, 'the topic');
    check(library().hermes_receiver_unsubscribe(this.open, bytes, bytes.length));
    return this;
  }

  /** Accepts envelopes of this origin. After the first call, other origins are rejected. */
  accept(origin: string): this {
    const bytes = utf8(origin, 'the origin');
    check(library().hermes_receiver_accept(this.open, bytes, bytes.length));
    return this;
  }

  // ---- Taking envelopes

  /** The oldest envelope; null when the timeout (ms) expires. ESTOPPED once it has stopped and is empty. */
  async recv(timeout = FOREVER): Promise<Envelope | null> {
    const [envelope] = await this.recvMany(1, timeout);
    return envelope ?? null;
  }

  /** Up to `max` envelopes. Waits for the first one only. */
  recvMany(max: number, timeout = FOREVER): Promise<Envelope[]> {
    return new Promise((resolve, reject) => {
      const wait = milliseconds(timeout);
      if (!(Number.isInteger(max) || max === Infinity) || max < 1) {
        throw new HermesError('EINVAL', `max is ${shown(max)}, and must be a whole number of at least 1`);
      }
      // Takes at once only if nothing is buffered: a loop must let the event loop go on.
      if (this.#buffered === 0 && (wait === 0 || !this.running)) this.#takeNow(wait === 0, max);
      const now = this.#waiters.length === 0 && this.#buffered > 0 ? this.#take(max) : undefined;
      if (wait === 0 && yieldIsDue()) return void setImmediate(() => resolve(now ?? []));
      if (now !== undefined || wait === 0) return resolve(now ?? []);
      this.#enqueue({ max, resolve, reject }, wait);
    });
  }

  /**
   * All envelopes until it stops or is closed. A later iteration continues where this one was
   * left.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Envelope> {
    void this.open; // throws if it is already closed
    const end = { done: true, value: undefined } as const;
    const next = (): Promise<IteratorResult<Envelope, undefined>> => {
      if (this.#buffered === 0 || this.#waiters.length > 0 || this.closed) return waitForNext();
      return Promise.resolve({ done: false, value: this.#takeOne() });
    };
    const waitForNext = async (): Promise<IteratorResult<Envelope, undefined>> => {
      try {
        if (this.closed) return end;
        const [value] = await this.recvMany(1);
        return { done: false, value: value as Envelope };
      } catch (error) {
        if (error instanceof HermesError && error.code === 'ESTOPPED') return end;
        throw error;
      }
    };
    const iterator: AsyncIterableIterator<Envelope> = {
      next,
      return: () => Promise.resolve(end),
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** Keeps the process alive while the program waits for envelopes (the default). */
  ref(): this {
    this.#refed = true;
    this.#updateRef();
    return this;
  }

  /** Lets the process end even while the program waits for envelopes. */
  unref(): this {
    this.#refed = false;
    this.#updateRef();
    return this;
  }

  #updateRef(): void {
    if (this.#wanted && this.#refed) this.resources.socket?.ref();
    else this.resources.socket?.unref();
    if (!this.#refed) this.#due?.unref();
  }

  // ---- The buffer, and waiting calls

  get #buffered(): number {
    return this.#buffer.length - this.#next;
  }

  #take(max: number): Envelope[] {
    const taken = this.#buffer.slice(this.#next, this.#next + max);
    this.#next += taken.length;
    if (this.#next === this.#buffer.length) {
      this.#buffer = [];
      this.#next = 0;
    }
    return taken;
  }

  #takeOne(): Envelope {
    const envelope = this.#buffer[this.#next++] as Envelope;
    if (this.#next === this.#buffer.length) {
      this.#buffer = [];
      this.#next = 0;
    }
    return envelope;
  }

  #enqueue(waiter: Waiter, timeout: number): void {
    this.#waiters.push(waiter);
    this.#followPace();
    if (timeout > 0) {
      waiter.timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        this.onChange();
        waiter.resolve([]);
      }, timeout);
      if (!this.#refed) waiter.timer.unref();
    }
    this.onChange();
  }

  /** Gives buffered envelopes to waiting calls, in the order of the calls. */
  #serve(): void {
    while (this.#buffered > 0 && this.#waiters.length > 0) {
      const waiter = this.#waiters.shift() as Waiter;
      clearTimeout(waiter.timer);
      waiter.resolve(this.#take(waiter.max));
    }
  }

  #refuse(error: HermesError): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) {
      clearTimeout(waiter.timer);
      waiter.reject(error);
    }
  }

  get #hasListener(): boolean {
    return this.listenerCount('envelope') > 0;
  }

  /** Emits buffered envelopes. If a listener throws, the rest is emitted later. */
  #emitAll(): void {
    try {
      while (this.#buffered > 0 && this.#hasListener) this.emit('envelope', this.#takeOne());
    } finally {
      this.#followPace();
      if (this.#buffered > 0 && this.#hasListener) setImmediate(() => this.#emitAll());
    }
  }

  // ---- Taking from the library, when woken or scheduled

  /** @internal */
  protected override onWake(): void {
    this.#drained = false;
    try {
      if (this.#wanted) this.#takeQueued();
    } catch (error) {
      process.nextTick(() => {
        throw error; // thrown by a listener; must not end the socket
      });
    }
  }

  #takeSoon(): void {
    if (this.#due) return;
    const take = (): void => {
      this.#due = undefined;
      if (this.#wanted) this.#takeQueued();
    };
    this.#due = this.resources.socket ? setImmediate(take) : setTimeout(take, POLL_MS);
    if (!this.#refed) this.#due.unref();
  }

  /** Takes queued envelopes for waiting calls and listeners, or handles the end of the receiver. */
  #takeQueued(): void {
    const code = this.#fill();
    const error = code === 0 || code === codes.ETIMEOUT ? undefined : failure(code);
    this.#serve();
    if (error) this.#refuse(error);
    if (code === codes.ESTOPPED) this.onStopped();
    this.onChange();
    this.#emitAll();
  }

  /** @internal */
  override onStarted(): void {
    this.#drained = false;
    super.onStarted();
  }

  /** @internal */
  protected override onChange(): void {
    super.onChange();
    if (this.#buffered > 0 && this.#hasListener) setImmediate(() => this.#emitAll());
    const wanted = this.running && (this.#waiters.length > 0 || this.#hasListener);
    if (wanted) this.#openSocket();
    if (wanted !== this.#wanted) {
      this.#wanted = wanted;
      this.#updateRef();
    }
    if (wanted && !this.#drained) this.#takeSoon();
  }

  /** Opens the wake socket. If no descriptor is left (EIO), it polls until there is one, on Windows always. */
  #openSocket(): void {
    try {
      this.openWakeSocket();
    } catch (error) {
      if (!(error instanceof HermesError && error.code === 'EIO')) throw error;
    }
  }

  /** @internal */
  override onStopped(): void {
    if (this.running) {
      // Envelopes already queued still go to waiting calls and listeners.
      while ((this.#hasListener || this.#waiters.length > 0) && this.#fill() === 0) {
        this.#serve();
        this.#emitAll();
      }
    }
    super.onStopped();
    this.#refuse(new HermesError('ESTOPPED', 'the receiver has stopped'));
    this.onChange();
  }

  /** @internal */
  protected override onClosing(): void {
    super.onClosing();
    this.#wanted = false;
    clearImmediate(this.#due as NodeJS.Immediate);
    clearTimeout(this.#due as NodeJS.Timeout);
    this.#due = undefined;
    this.#buffer = [];
    this.#next = 0;
    this.#refuse(new HermesError('ESTOPPED', 'the receiver was closed'));
  }

  // ---- The library's queue

  /** Fills the buffer without waiting; throws if the receiver cannot receive. */
  #takeNow(noneIsFine: boolean, wanted: number): void {
    const code = this.#fill(wanted);
    if (code === 0 || (noneIsFine && code === codes.ETIMEOUT)) return;
    const error = failure(code);
    if (code === codes.ESTOPPED) this.onStopped();
    throw error;
  }

  /** Takes queued envelopes, for calls that want so many; returns 0, or ETIMEOUT if there were none. */
  #fill(wanted = this.#waiters[0]?.max ?? 1): number {
    this.#followPace();
    const most = Math.min(BATCH, Math.max(wanted, this.#pace));
    const code = this.#details ? this.#fillWithDetails(most) : this.#fillQuickly(most);
    this.#drained = code === codes.ETIMEOUT && this.resources.socket !== undefined;
    if (code === 0) {
      this.#taken = this.#buffered;
      this.#takenAt = performance.now();
    }
    return code;
  }

  /** Once all that was taken is given out, notes how long that has lasted. */
  #followPace(): void {
    if (this.#taken === 0 || this.#buffered > 0) return;
    const lasted = performance.now() - this.#takenAt;
    if (lasted > PACE_MS) this.#pace = Math.max(1, Math.floor((this.#taken * PACE_MS) / lasted));
    else if (lasted < PACE_MS / 2) this.#pace = Math.min(BATCH, 2 * this.#pace);
    this.#taken = 0;
  }

  #fillQuickly(most: number): number {
    const code = library().hermes_recv_json(this.open, most, 0, POINTER, LENGTH, COUNT);
    if (code === 0) this.#buffer.push(...takeEnvelopes());
    return code;
  }

  #fillWithDetails(most: number): number {
    const code = library().hermes_recv_batch(this.open, most, 0, POINTER);
    if (code !== 0) return code;
    const batch = POINTER[0];
    try {
      const count = Number(library().hermes_batch_size(batch));
      for (let at = 0; at < count; at++) this.#buffer.push(detailedEnvelope(library().hermes_batch_at(batch, at)));
    } finally {
      library().hermes_batch_free(batch);
    }
    return 0;
  }

  /** Sets `details`, and returns the former value. @internal */
  takeDetails(details: boolean): boolean {
    const before = this.#details;
    this.#details = details;
    return before;
  }
}

function listOf(given: string | Iterable<string> | undefined, what: string): Iterable<string> {
  if (given === undefined || given === null) return [];
  if (typeof given === 'string') return [given]; // a string is iterable, too
  if (typeof (given as { [Symbol.iterator]?: unknown })[Symbol.iterator] === 'function') return given;
  throw new HermesError('EINVAL', `${what} is ${shown(given)}, and must be strings`);
}
