/*
 * The native library: finds and loads it, declares the prototypes of hermes.h, and converts
 * error codes, timeouts and text.
 *
 * Rules
 *   Loading   The first call of library() loads it; importing the package loads nothing.
 *   Threads   Each worker has its own copy of this module, and so of POINTER, LENGTH and COUNT.
 *             There are no locks.
 *   Output    Calls write their results to POINTER, LENGTH and COUNT. Read them before the next
 *             call of the library, which overwrites them, and before any await.
 *   Memory    Text and batches from the library belong to the caller; copy, then free them.
 *   Text      Names, addresses, keys and values are C strings; everything else is bytes and length.
 */
import koffi = require('koffi');
import fs = require('node:fs');
import net = require('node:net');
import path = require('node:path');
import { codes, HermesError, LoadError } from './errors';
import { advice, hasWakeSockets, libraryName, packageName } from './platform';

/** The HERMES_ABI_VERSION that this package is written for. */
const ABI_VERSION = 2;

export const FOREVER = -1;
const LONGEST = 0x7fffffff;

/*
 * Output arguments of calls. Typed arrays, because the objects that koffi could fill instead
 * must not be touched while a worker is being terminated.
 */
export const POINTER = new BigUint64Array(1);
export const LENGTH = new BigUint64Array(1);
export const COUNT = new BigUint64Array(1);

// Results are numbers throughout; pointers are addresses.
export type Pointer = bigint | undefined;
type Out = BigUint64Array;
type Call<A extends unknown[], R = number> = koffi.KoffiFunc<(...args: A) => R>;

export interface Functions {
  hermes_version_string: Call<[], string>;
  hermes_abi_version: Call<[]>;
  hermes_strerror: Call<[number], string>;
  hermes_last_error: Call<[Buffer, number]>;
  hermes_publisher_new: Call<[string, string, Out]>;
  hermes_receiver_new: Call<[string, string, Out]>;
  hermes_postoffice_new: Call<[string, string, string | null, Out]>;
  hermes_node_new: Call<[string, number, number, Out]>;
  hermes_set: Call<[number, string, string]>;
  hermes_get: Call<[number, string, Buffer, number]>;
  hermes_start: Call<[number]>;
  hermes_stop_begin: Call<[number, number]>;
  hermes_close: Call<[number]>;
  hermes_wait: Call<[number, number]>;
  hermes_wait_ready: Call<[number, number]>;
  hermes_stats: Call<[number, Out, Out]>;
  hermes_next_event: Call<[number, number, Out, Out]>;
  hermes_pipe: Call<[number]>;
  hermes_publish: Call<[number, number, number, number, number, number, number]>;
  hermes_publish_traced: Call<[number, Buffer, number, Buffer | null, number, Buffer, number, string]>;
  hermes_publish_batch: Call<[number, Buffer, number, Out]>;
  hermes_node_publish: Call<[number, Buffer, number, Buffer, number]>;
  hermes_receiver_subscribe: Call<[number, Buffer, number]>;
  hermes_receiver_unsubscribe: Call<[number, Buffer, number]>;
  hermes_receiver_accept: Call<[number, Buffer, number]>;
  hermes_recv_json: Call<[number, number, number, Out, Out, Out]>;
  hermes_recv_batch: Call<[number, number, number, Out]>;
  hermes_batch_size: Call<[Pointer]>;
  hermes_batch_at: Call<[Pointer, number], Pointer>;
  hermes_batch_free: Call<[Pointer], void>;
  hermes_envelope_topic: Call<[Pointer, Out], Pointer>;
  hermes_envelope_origin: Call<[Pointer, Out], Pointer>;
  hermes_envelope_data: Call<[Pointer, Out], Pointer>;
  hermes_envelope_ts: Call<[Pointer]>;
  hermes_envelope_received: Call<[Pointer]>;
  hermes_envelope_lost: Call<[Pointer]>;
  hermes_envelope_traceparent: Call<[Pointer], string | null>;
  hermes_free: Call<[Pointer], void>;
  memcpy: Call<[Buffer, Pointer, number], void>;
}

const prototypes: Record<keyof Functions, string> = {
  hermes_version_string: 'str F()',
  hermes_abi_version: 'int F()',
  hermes_strerror: 'str F(int code)',
  hermes_last_error: 'size_t F(void *buf, size_t cap)',
  hermes_publisher_new: 'int F(str address, str name, void *publisher)',
  hermes_receiver_new: 'int F(str address, str name, void *receiver)',
  hermes_postoffice_new: 'int F(str in, str out, str debug, void *postoffice)',
  hermes_node_new: 'int F(str name, uint64_t receiver, uint64_t publisher, void *node)',
  hermes_set: 'int F(uint64_t handle, str key, str value)',
  hermes_get: 'int F(uint64_t handle, str key, void *buf, size_t cap)',
  hermes_start: 'int F(uint64_t handle)',
  hermes_stop_begin: 'int F(uint64_t handle, int32_t timeout_ms)',
  hermes_close: 'int F(uint64_t handle)',
  hermes_wait: 'int F(uint64_t handle, int32_t timeout_ms)',
  hermes_wait_ready: 'int F(uint64_t handle, int32_t timeout_ms)',
  hermes_stats: 'int F(uint64_t handle, void *json, void *len)',
  hermes_next_event: 'int F(uint64_t handle, int32_t timeout_ms, void *json, void *len)',
  hermes_pipe: 'int F(uint64_t handle)',
  hermes_publish:
    'int F(uint64_t publisher, uintptr_t topic, size_t topic_len, uintptr_t origin, size_t origin_len, uintptr_t data, size_t data_len)',
  hermes_publish_traced:
    'int F(uint64_t publisher, void *topic, size_t topic_len, void *origin, size_t origin_len, void *data, size_t data_len, str traceparent)',
  hermes_publish_batch: 'int F(uint64_t publisher, void *json, size_t len, void *count)',
  hermes_node_publish: 'int F(uint64_t node, void *channel, size_t channel_len, void *data, size_t data_len)',
  hermes_receiver_subscribe: 'int F(uint64_t receiver, void *topic, size_t topic_len)',
  hermes_receiver_unsubscribe: 'int F(uint64_t receiver, void *topic, size_t topic_len)',
  hermes_receiver_accept: 'int F(uint64_t receiver, void *origin, size_t origin_len)',
  hermes_recv_json:
    'int F(uint64_t receiver, size_t max, int32_t timeout_ms, void *text, void *len, void *count)',
  hermes_recv_batch: 'int F(uint64_t receiver, size_t max, int32_t timeout_ms, void *batch)',
  hermes_batch_size: 'size_t F(void *batch)',
  hermes_batch_at: 'void *F(void *batch, size_t index)',
  hermes_batch_free: 'void F(void *batch)',
  hermes_envelope_topic: 'void *F(void *envelope, void *len)',
  hermes_envelope_origin: 'void *F(void *envelope, void *len)',
  hermes_envelope_data: 'void *F(void *envelope, void *len)',
  hermes_envelope_ts: 'double F(void *envelope)',
  hermes_envelope_received: 'double F(void *envelope)',
  hermes_envelope_lost: 'uint64_t F(void *envelope)',
  hermes_envelope_traceparent: 'str F(void *envelope)',
  hermes_free: 'void F(void *text)',
  memcpy: 'void F(void *to, void *from, size_t size)', // of the C library, which libhermes links to
};

// ---- Loading ------------------------------------------------------------------

let loaded: Functions | undefined;

/** The library's functions; the first call loads it. */
export function library(): Functions {
  return (loaded ??= load());
}

/** Where the library may be, in order of preference. */
function candidates(): string[] {
  const chosen = process.env['HERMES_LIBRARY'];
  if (chosen) return [chosen];
  const name = libraryName();
  const installed = packageName() && beside(packageName() as string);
  return [
    ...(installed ? [path.join(installed, 'lib', 'hermes', '_lib', name)] : []),
    path.join(__dirname, '..', '..', '..', 'build', name),
    name,
  ];
}

/** The folder of an installed package; undefined if it is not installed. */
function beside(name: string): string | undefined {
  try {
    return path.dirname(require.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

function load(): Functions {
  const tried: string[] = [];
  for (const candidate of candidates()) {
    try {
      return open(candidate);
    } catch (error) {
      const why = (error as Error).message;
      tried.push(why.includes(candidate) ? why : `${candidate}: ${why}`);
    }
  }
  throw new LoadError(
    `libhermes cannot be loaded; tried ${tried.join('; ')}. ` +
      advice(),
  );
}

function open(file: string): Functions {
  const handle = koffi.load(file);
  // Windows looks for a function in one library only.
  const c = process.platform === 'win32' ? koffi.load('msvcrt.dll') : handle;
  const find = (name: keyof Functions): unknown =>
    (name === 'memcpy' ? c : handle).func(prototypes[name].replace('F(', `${name}(`));
  let found: number;
  try {
    found = (find('hermes_abi_version') as Functions['hermes_abi_version'])();
  } catch {
    throw new Error(`${file}: not a hermes library`);
  }
  if (found < ABI_VERSION) {
    throw new Error(`${file}: too old (interface ${found}, at least ${ABI_VERSION} is needed)`);
  }
  const names = Object.keys(prototypes) as (keyof Functions)[];
  return Object.fromEntries(names.map((name) => [name, find(name)])) as unknown as Functions;
}

// ---- Errors and time ------------------------------------------------------------

/** The error of this thread's last failed call. */
export function failure(code: number): HermesError {
  const buffer = Buffer.alloc(2048);
  const length = library().hermes_last_error(buffer, buffer.length);
  const text = buffer.toString('utf8', 0, Math.min(length, buffer.length - 1));
  return new HermesError(code, text || library().hermes_strerror(code));
}

/** Throws unless the code is 0. */
export function check(code: number): void {
  if (code !== 0) throw failure(code);
}

/** A timeout for hermes.h: whole milliseconds, rounded up; negative ones never expire. */
export function milliseconds(timeout: number): number {
  if (typeof timeout !== 'number' || Number.isNaN(timeout)) {
    throw new HermesError('EINVAL', `the timeout is ${shown(timeout)}, and must be a number of milliseconds`);
  }
  return timeout < 0 ? FOREVER : Math.min(Math.ceil(timeout), LONGEST);
}

/** Resolves after `ms` milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const YIELD_EVERY = 128;
let calls = 0;

/**
 * Whether this call is to yield to the event loop although it need not wait. True for every
 * YIELD_EVERY-th call, so that a loop of such calls lets timers fire and sockets be read.
 */
export function yieldIsDue(): boolean {
  calls = (calls + 1) % YIELD_EVERY;
  return calls === 0;
}

/** Resolves in the next iteration of the event loop. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Polls at intervals of 1 ms, doubling up to 50 ms, until the code is not ETIMEOUT or the
 * timeout expires; `then` converts the code to the result before any other call is made.
 * Blocking in a thread of libuv's pool would answer sooner, but four blocked threads would
 * stop all of Node's file access.
 */
export async function until<T>(ask: () => number, timeout: number, then: (code: number) => T): Promise<T> {
  const end = timeout < 0 ? Infinity : performance.now() + timeout;
  if (yieldIsDue()) await yieldToEventLoop();
  for (let interval = 1; ; interval = Math.min(2 * interval, 50)) {
    const code = ask();
    const left = end - performance.now();
    if (code !== codes.ETIMEOUT || left <= 0) return then(code);
    await pause(Math.min(interval, Math.max(1, left)));
  }
}

// ---- Text -----------------------------------------------------------------------

const lone = /\p{Surrogate}/u;

/**
 * Memory for the texts of one call, whose address is known: koffi passes a number several times
 * as fast as a Buffer.
 */
const SCRATCH = Buffer.from(new ArrayBuffer(1 << 16));
let scratchAddress = 0;

/** Holds the texts of the running call that do not fit into SCRATCH, so that they are not collected. */
let held: Buffer = SCRATCH;

/**
 * The address of a text in UTF-8, which is valid until the next call of this function; 0 if it is not short, or
 * not ASCII alone, so that its length in bytes differs.
 */
export function addressOfAscii(text: string): number {
  if (text.length > SCRATCH.length / 3 || SCRATCH.write(text) !== text.length) return 0;
  return (scratchAddress ||= Number(koffi.address(SCRATCH)));
}

/** The address of a copy of these bytes in one piece, which is valid until the next call of this function. */
export function addressOf(...bytes: Buffer[]): number {
  held = Buffer.concat([...bytes, NUL]); // never empty
  return Number(koffi.address(held));
}

const NUL = Buffer.alloc(1);

/** Throws EUTF8 for an unpaired surrogate, and EINVAL for what is no string. */
export function checkText(text: string, what: string): void {
  if (typeof text !== 'string' || lone.test(text)) utf8(text, what);
}

/** Text as UTF-8. Throws EUTF8 for an unpaired surrogate, which Buffer.from would replace. */
export function utf8(text: string, what: string, shows = true): Buffer {
  if (typeof text !== 'string') throw new HermesError('EINVAL', `${what} is not a string, but ${shown(text)}`);
  const bytes = Buffer.from(text);
  if (bytes.length !== text.length && lone.test(text)) {
    throw new HermesError('EUTF8', `${what} is not Unicode${shows ? `: ${JSON.stringify(text)}` : ''}`);
  }
  return bytes;
}

/**
 * Text for a C string. Throws EINVAL if it contains a NUL, where C would cut it off. Errors do not show the text: the
 * value of an option may be a secret key.
 */
export function cString(text: string, what: string): string {
  utf8(text, what, false);
  if (text.includes('\0')) throw new HermesError('EINVAL', `${what} has a NUL in it`);
  return text;
}

/** A caller's options object; an empty one if undefined. Throws EINVAL for other types. */
export function options<T extends object>(given: T | undefined, what: string): Partial<T> {
  if (given === undefined) return {};
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given;
  throw new HermesError('EINVAL', `${what} are ${shown(given)}, and must be an object`);
}

/** A value of the wrong type, for error texts. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `the string ${JSON.stringify(value.slice(0, 100))}`;
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}

/**
 * A copy of the bytes at a pointer. Made by memcpy, since koffi.view aborts the process if the
 * worker is terminated meanwhile.
 */
export function bytesAt(pointer: Pointer, length: number): Buffer {
  if (length === 0) return Buffer.alloc(0);
  const bytes = Buffer.allocUnsafe(length);
  library().memcpy(bytes, pointer, length);
  return bytes;
}

/** The bytes of the text that the last call returned; frees the text. */
export function takeBytes(): Buffer {
  const pointer = POINTER[0];
  try {
    return bytesAt(pointer, Number(LENGTH[0]));
  } finally {
    library().hermes_free(pointer);
  }
}

// ---- Wake socket ------------------------------------------------------------------

/**
 * Opens the component's hermes_pipe(): calls `onWake` on this thread's event loop whenever
 * envelopes may be queued. Node owns the socket and closes it when this thread ends, however
 * it ends; the library then closes the component. The socket does not keep the thread alive.
 */
export function openWakeSocket(handle: number, onWake: () => void): net.Socket {
  if (!hasWakeSockets()) throw new HermesError('EIO', 'Node.js cannot watch a socket of the library on this system');
  const fd = library().hermes_pipe(handle);
  if (fd < 0) throw failure(fd);
  const callback = (): boolean => {
    onWake();
    return true;
  };
  const options = { fd, readable: true, writable: false, onread: { buffer: Buffer.alloc(64), callback } };
  let socket: net.Socket;
  try {
    socket = new net.Socket(options);
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
  socket.on('error', () => undefined); // an error ends it like a close, which the library reports by its codes
  return socket.unref();
}
