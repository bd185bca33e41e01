import { codes, HermesError } from './errors';
import { parse, parseList } from './json';
import {
  check,
  cString,
  failure,
  FOREVER,
  library,
  milliseconds,
  takeBytes,
  textAt,
  utf8,
  watch,
  type Pointer,
  type Poll,
} from './native';
import { Part, type Options } from './part';

/** One received envelope. */
export interface Envelope {
  readonly topic: string;
  readonly origin: string;
  readonly data: unknown;
  /** When it was sent, by the sender's clock, in seconds since 1970. */
  readonly ts: number;
  /** How many envelopes of this topic and sender went missing right before this one. */
  readonly lost: number;
  /** The data as it travelled, where the receiver gives `details`. */
  readonly text?: string;
  /** When it arrived, by this machine's clock, where the receiver gives `details`. */
  readonly received?: number;
}

export interface ReceiverOptions {
  /** Follows the topics that begin with these; without them, every topic. */
  topics?: Iterable<string>;
  /** Follows these origins; without them, every origin. */
  origins?: Iterable<string>;
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

/** Running receivers that somebody waits for: they are not garbage, whoever forgets them. */
const awaited = new Set<Receiver>();

/**
 * Receives what the post office at an address sends.
 *
 * Take envelopes with `recv`, with `for await`, or by listening to `'envelope'`. As long
 * as somebody does, it keeps the process alive (unless `unref` says no). libuv watches
 * the descriptor of the library's queue; no thread waits.
 */
export class Receiver extends Part {
  #buffer: Envelope[] = [];
  #next = 0;
  #waiters: Waiter[] = [];
  #watching = false;
  #kept = true;
  #details: boolean;

  constructor(address: string, name: string, options: ReceiverOptions = {}) {
    const where = cString(address, 'the address');
    const who = cString(name, 'the name');
    super((out) => library().hermes_receiver_new(where, who, out), { 'json.lost': true, ...options.options });
    this.#details = options.details ?? false;
    for (const topic of options.topics ?? []) this.subscribe(topic);
    for (const origin of options.origins ?? []) this.accept(origin);
  }

  /** Follows the topics that begin with this. */
  subscribe(topic: string): this {
    const bytes = utf8(topic, 'the topic');
    check(library().hermes_receiver_subscribe(this.handle, bytes, bytes.length));
    return this;
  }

  /** Undoes one `subscribe`. */
  unsubscribe(topic: string): this {
    const bytes = utf8(topic, 'the topic');
    check(library().hermes_receiver_unsubscribe(this.handle, bytes, bytes.length));
    return this;
  }

  /** Accepts this origin; the first call turns away all others. */
  accept(origin: string): this {
    const bytes = utf8(origin, 'the origin');
    check(library().hermes_receiver_accept(this.handle, bytes, bytes.length));
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
      if (!(max >= 1)) throw new HermesError('EINVAL', 'max is 0, and must be at least 1');
      // The event loop must have its turn: more is taken only when libuv says so.
      if (this.#buffered === 0 && (wait === 0 || !this.running)) check(this.#fill(wait === 0));
      if (this.#waiters.length === 0 && this.#buffered > 0) return resolve(this.#take(max));
      if (wait === 0) return resolve([]);
      this.#enqueue({ max, resolve, reject }, wait);
    });
  }

  /** All envelopes until it stops. What an iteration leaves is there for the next one. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Envelope> {
    const end = { done: true, value: undefined } as const;
    const next = async (): Promise<IteratorResult<Envelope, undefined>> => {
      try {
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

  /** Keeps the process alive while somebody waits for envelopes, as it does from the start. */
  ref(): this {
    this.#kept = true;
    this.remains.poll?.ref();
    return this;
  }

  /** Lets the process end although somebody waits for envelopes. */
  unref(): this {
    this.#kept = false;
    this.remains.poll?.unref();
    return this;
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

  // ---- The descriptor

  /** libuv says that there is something to take, or that the end has come. */
  #readable(): void {
    if (!this.running) return;
    const code = this.#fill();
    this.#serve();
    if (code === codes.ESTOPPED) {
      this.#refuse(failure(code));
      this.ended();
    } else if (code !== 0 && code !== codes.ETIMEOUT) {
      this.#refuse(failure(code));
    }
    this.attend();
    this.#emitAll();
  }

  /** @internal */
  protected override attend(): void {
    super.attend();
    if (this.#buffered > 0 && this.#flowing) setImmediate(() => this.#emitAll());
    const wanted = this.running && (this.#waiters.length > 0 || this.#flowing);
    if (wanted === this.#watching) return;
    this.#watching = wanted;
    if (!wanted) {
      this.remains.poll?.stop();
      awaited.delete(this);
      return;
    }
    awaited.add(this);
    if (this.remains.poll) this.remains.poll.start({ readable: true }, this.#watcher());
    else this.remains.poll = this.#watch();
  }

  #watch(): Poll {
    const fd = library().hermes_fd(this.handle);
    if (fd < 0) throw failure(fd);
    const poll = watch(fd, this.#watcher());
    if (!this.#kept) poll.unref();
    return poll;
  }

  /** What libuv calls, which must not keep the receiver: `awaited` does, while it has to. */
  #watcher(): () => void {
    const weak = new WeakRef(this);
    return () => {
      try {
        const receiver = weak.deref();
        if (receiver) receiver.#readable();
      } catch (error) {
        process.nextTick(() => {
          throw error; // a listener's; not through native code
        });
      }
    };
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
    this.remains.poll?.close(); // before the descriptor is
    delete this.remains.poll;
    this.#watching = false;
    awaited.delete(this);
    this.#buffer = [];
    this.#next = 0;
    this.#refuse(new HermesError('ESTOPPED', 'the receiver was closed'));
  }

  // ---- The library's queue

  /** Takes what is there. The code tells whether there was something; none is no failure. */
  #fill(noneIsFine = false): number {
    const code = this.#details ? this.#fillWithDetails() : this.#fillQuickly();
    return noneIsFine && code === codes.ETIMEOUT ? 0 : code;
  }

  #fillQuickly(): number {
    const text: [Pointer] = [null];
    const length: [number] = [0];
    const count: [number] = [0];
    const code = library().hermes_recv_json(this.handle, BATCH, 0, text, length, count);
    if (code !== 0) return code;
    for (const item of parseList(takeBytes(text[0], length[0]))) {
      const [topic, origin, data, ts, lost = 0] = item as [string, string, unknown, number, number?];
      this.#buffer.push({ topic, origin, data, ts, lost });
    }
    return 0;
  }

  #fillWithDetails(): number {
    const batch: [Pointer] = [null];
    const code = library().hermes_recv_batch(this.handle, BATCH, 0, batch);
    if (code !== 0) return code;
    try {
      const count = library().hermes_batch_size(batch[0]);
      for (let at = 0; at < count; at++) this.#buffer.push(detailed(library().hermes_batch_at(batch[0], at)));
    } finally {
      library().hermes_batch_free(batch[0]);
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

function detailed(pointer: Pointer): Envelope {
  const lib = library();
  const length: [number] = [0];
  const topic = textAt(lib.hermes_envelope_topic(pointer, length), length[0]);
  const origin = textAt(lib.hermes_envelope_origin(pointer, length), length[0]);
  const text = textAt(lib.hermes_envelope_data(pointer, length), length[0]);
  return {
    topic,
    origin,
    data: parse(text),
    ts: lib.hermes_envelope_ts(pointer),
    text,
    received: lib.hermes_envelope_received(pointer),
    lost: lib.hermes_envelope_lost(pointer),
  };
}
