import { codes, HermesError } from './errors';
import { detailed, takeEnvelopes, type Envelope } from './envelope';
import { check, COUNT, cString, failure, FOREVER, LENGTH, library, milliseconds, options, POINTER, shown, turnIsDue, utf8 } from './native';
import { Part, type Options } from './part';

export interface ReceiverOptions {
  /** Follows the topics that begin with these (or with this one); without them, every topic. */
  topics?: string | Iterable<string>;
  /** Follows these origins (or this one); without them, every origin. */
  origins?: string | Iterable<string>;
  /** Whether envelopes have `text` and `received` too, which takes longer. */
  details?: boolean;
  /** Options by their names; docs/configuration.md lists them. */
  options?: Options;
}

interface Waiter {
  /** How many envelopes it takes at most. */
  max: number;
  resolve(envelopes: Envelope[]): void;
  reject(error: Error): void;
  timer?: NodeJS.Timeout;
}

/** How many envelopes are taken from the library at once, before the event loop goes on. */
const BATCH = 256;

/** How often a receiver is asked that has no socket to be woken by, in milliseconds. */
const ASK_EVERY = 20;

/**
 * Receives what the post office at an address sends.
 *
 * Take envelopes with `recv`, with `for await`, or by listening to `'envelope'`. As long
 * as a program does, it keeps the process alive (unless `unref` says no). The library
 * wakes Node's own event loop through a socket; no thread waits.
 */
export class Receiver extends Part {
  #buffer: Envelope[] = [];
  #next = 0;
  #waiters: Waiter[] = [];
  #wanted = false;
  #kept = true;
  /** The last look found nothing: the library wakes this thread when there may be something. */
  #settled = false;
  #due: NodeJS.Immediate | NodeJS.Timeout | undefined;
  #details: boolean;

  constructor(address: string, name: string, given?: ReceiverOptions) {
    const where = cString(address, 'the address');
    const who = cString(name, 'the name');
    const { topics, origins, details = false, options: settings } = options(given, 'the options');
    if (typeof details !== 'boolean') throw new HermesError('EINVAL', `details is ${shown(details)}, and must be a boolean`);
    const wanted = { 'json.lost': true, ...options(settings, 'the options') };
    super((out) => library().hermes_receiver_new(where, who, out), wanted);
    this.#details = details;
    for (const topic of listOf(topics, 'topics')) this.subscribe(topic);
    for (const origin of listOf(origins, 'origins')) this.accept(origin);
  }

  /** Follows the topics that begin with this. */
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

  /** Accepts this origin; the first call turns away all others. */
  accept(origin: string): this {
    const bytes = utf8(origin, 'the origin');
    check(library().hermes_receiver_accept(this.open, bytes, bytes.length));
    return this;
  }

  // ---- Taking envelopes

  /** The oldest envelope; null when none came in so many milliseconds. ESTOPPED at the end. */
  async recv(timeout = FOREVER): Promise<Envelope | null> {
    const [envelope] = await this.recvMany(1, timeout);
    return envelope ?? null;
  }

  /** Up to `max` envelopes, of which only the first is waited for. */
  recvMany(max: number, timeout = FOREVER): Promise<Envelope[]> {
    return new Promise((resolve, reject) => {
      const wait = milliseconds(timeout);
      if (!(Number.isInteger(max) || max === Infinity) || max < 1) {
        throw new HermesError('EINVAL', `max is ${shown(max)}, and must be a whole number of at least 1`);
      }
      // The event loop must have its turn: more is taken only when that has gone round.
      if (this.#buffered === 0 && (wait === 0 || !this.running)) this.#takeNow(wait === 0);
      const now = this.#waiters.length === 0 && this.#buffered > 0 ? this.#take(max) : undefined;
      if (wait === 0 && turnIsDue()) return void setImmediate(() => resolve(now ?? []));
      if (now !== undefined || wait === 0) return resolve(now ?? []);
      this.#enqueue({ max, resolve, reject }, wait);
    });
  }

  /**
   * All envelopes until it stops or is closed. What an iteration leaves is there for the
   * next one.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Envelope> {
    void this.open; // begun too late, it throws
    const end = { done: true, value: undefined } as const;
    const next = async (): Promise<IteratorResult<Envelope, undefined>> => {
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

  /** Keeps the process alive while the program waits for envelopes, as it does from the start. */
  ref(): this {
    this.#kept = true;
    this.#hold();
    return this;
  }

  /** Lets the process end although the program waits for envelopes. */
  unref(): this {
    this.#kept = false;
    this.#hold();
    return this;
  }

  #hold(): void {
    if (this.#wanted && this.#kept) this.remains.socket?.ref();
    else this.remains.socket?.unref();
    if (!this.#kept) this.#due?.unref();
  }

  // ---- The books of who waits

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

  #enqueue(waiter: Waiter, timeout: number): void {
    this.#waiters.push(waiter);
    if (timeout > 0) {
      waiter.timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        this.attend();
        waiter.resolve([]);
      }, timeout);
      if (!this.#kept) waiter.timer.unref();
    }
    this.attend();
  }

  /** Hands what is there to those that wait, first come, first served. */
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

  get #flowing(): boolean {
    return this.listenerCount('envelope') > 0;
  }

  /** Tells the listeners; should one throw, the rest has its turn a little later. */
  #emitAll(): void {
    try {
      while (this.#buffered > 0 && this.#flowing) this.emit('envelope', this.#take(1)[0]);
    } finally {
      if (this.#buffered > 0 && this.#flowing) setImmediate(() => this.#emitAll());
    }
  }

  // ---- Looking

  /** @internal */
  protected override woken(): void {
    this.#settled = false;
    try {
      if (this.#wanted) this.#look();
    } catch (error) {
      process.nextTick(() => {
        throw error; // a listener's; the socket goes on
      });
    }
  }

  #lookSoon(): void {
    if (this.#due) return;
    const look = (): void => {
      this.#due = undefined;
      if (this.#wanted) this.#look();
    };
    this.#due = this.remains.socket ? setImmediate(look) : setTimeout(look, ASK_EVERY);
    if (!this.#kept) this.#due.unref();
  }

  /** Takes what is there for those that wait and listen, or learns that the end has come. */
  #look(): void {
    const code = this.#fill();
    const error = code === 0 || code === codes.ETIMEOUT ? undefined : failure(code);
    this.#serve();
    if (error) this.#refuse(error);
    if (code === codes.ESTOPPED) this.ended();
    this.attend();
    this.#emitAll();
  }

  /** @internal */
  override begun(): void {
    this.#settled = false;
    super.begun();
  }

  /** @internal */
  protected override attend(): void {
    super.attend();
    if (this.#buffered > 0 && this.#flowing) setImmediate(() => this.#emitAll());
    const wanted = this.running && (this.#waiters.length > 0 || this.#flowing);
    if (wanted) this.#listen();
    if (wanted !== this.#wanted) {
      this.#wanted = wanted;
      this.#hold();
    }
    if (wanted && !this.#settled) this.#lookSoon();
  }

  /** Without a descriptor for the socket it asks now and then, until there is one. */
  #listen(): void {
    try {
      this.listen();
    } catch (error) {
      if (!(error instanceof HermesError && error.code === 'EIO')) throw error;
    }
  }

  /** @internal */
  override ended(): void {
    if (this.running) {
      // What had arrived still goes to those that wait and listen.
      while ((this.#flowing || this.#waiters.length > 0) && this.#fill() === 0) {
        this.#serve();
        this.#emitAll();
      }
    }
    super.ended();
    this.#refuse(new HermesError('ESTOPPED', 'the receiver has stopped'));
    this.attend();
  }

  /** @internal */
  protected override release(): void {
    super.release();
    this.#wanted = false;
    clearImmediate(this.#due as NodeJS.Immediate);
    clearTimeout(this.#due as NodeJS.Timeout);
    this.#due = undefined;
    this.#buffer = [];
    this.#next = 0;
    this.#refuse(new HermesError('ESTOPPED', 'the receiver was closed'));
  }

  // ---- The library's queue

  /** Takes what is there without waiting, or throws what keeps it from coming. */
  #takeNow(noneIsFine: boolean): void {
    const code = this.#fill();
    if (code === 0 || (noneIsFine && code === codes.ETIMEOUT)) return;
    const error = failure(code);
    if (code === codes.ESTOPPED) this.ended();
    throw error;
  }

  /** Takes what is there. The code tells whether there was something. */
  #fill(): number {
    const code = this.#details ? this.#fillWithDetails() : this.#fillQuickly();
    this.#settled = code === codes.ETIMEOUT && this.remains.socket !== undefined;
    return code;
  }

  #fillQuickly(): number {
    const code = library().hermes_recv_json(this.open, BATCH, 0, POINTER, LENGTH, COUNT);
    if (code === 0) this.#buffer.push(...takeEnvelopes());
    return code;
  }

  #fillWithDetails(): number {
    const code = library().hermes_recv_batch(this.open, BATCH, 0, POINTER);
    if (code !== 0) return code;
    const batch = POINTER[0];
    try {
      const count = Number(library().hermes_batch_size(batch));
      for (let at = 0; at < count; at++) this.#buffer.push(detailed(library().hermes_batch_at(batch, at)));
    } finally {
      library().hermes_batch_free(batch);
    }
    return 0;
  }

  /** Takes details from now on, and returns whether it did before. @internal */
  takeDetails(details: boolean): boolean {
    const before = this.#details;
    this.#details = details;
    return before;
  }
}

function listOf(given: string | Iterable<string> | undefined, what: string): Iterable<string> {
  if (given === undefined || given === null) return [];
  if (typeof given === 'string') return [given]; // and not each of its letters
  if (typeof (given as { [Symbol.iterator]?: unknown })[Symbol.iterator] === 'function') return given;
  throw new HermesError('EINVAL', `${what} is ${shown(given)}, and must be strings`);
}
