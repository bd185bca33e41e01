/*
 * The library as it is: finds and loads it, knows the prototypes of hermes.h, and turns
 * codes into errors. Nothing is loaded before the first object is made.
 */
import koffi = require('koffi');
import path = require('node:path');
import { codes, HermesError, LoadError } from './errors';

/** The HERMES_ABI_VERSION that this package is written for. */
const ABI_VERSION = 2;

export const FOREVER = -1;
const LONGEST = 0x7fffffff;

// Results are numbers throughout; pointers are opaque.
export type Pointer = unknown;
type Out<T> = [T];
type Text = Buffer | null;
type Call<A extends unknown[], R = number> = koffi.KoffiFunc<(...args: A) => R>;

export interface Functions {
  hermes_version_string: Call<[], string>;
  hermes_abi_version: Call<[]>;
  hermes_strerror: Call<[number], string>;
  hermes_last_error: Call<[Buffer, number]>;
  hermes_publisher_new: Call<[string, string, Out<number>]>;
  hermes_receiver_new: Call<[string, string, Out<number>]>;
  hermes_postoffice_new: Call<[string, string, string | null, Out<number>]>;
  hermes_node_new: Call<[string, number, number, Out<number>]>;
  hermes_set: Call<[number, string, string]>;
  hermes_get: Call<[number, string, Buffer, number]>;
  hermes_start: Call<[number]>;
  hermes_stop: Call<[number, number]>;
  hermes_close: Call<[number]>;
  hermes_wait: Call<[number, number]>;
  hermes_wait_ready: Call<[number, number]>;
  hermes_stats: Call<[number, Out<Pointer>, Out<number>]>;
  hermes_next_event: Call<[number, number, Out<Pointer>, Out<number>]>;
  hermes_fd: Call<[number]>;
  hermes_publish: Call<[number, Buffer, number, Text, number, Buffer, number]>;
  hermes_publish_batch: Call<[number, Buffer, number, Out<number>]>;
  hermes_node_publish: Call<[number, Buffer, number, Buffer, number]>;
  hermes_node_recv: Call<[number, number, Out<Pointer>]>;
  hermes_receiver_subscribe: Call<[number, Buffer, number]>;
  hermes_receiver_unsubscribe: Call<[number, Buffer, number]>;
  hermes_receiver_accept: Call<[number, Buffer, number]>;
  hermes_recv_json: Call<[number, number, number, Out<Pointer>, Out<number>, Out<number>]>;
  hermes_recv_batch: Call<[number, number, number, Out<Pointer>]>;
  hermes_batch_size: Call<[Pointer]>;
  hermes_batch_at: Call<[Pointer, number], Pointer>;
  hermes_batch_free: Call<[Pointer], void>;
  hermes_envelope_topic: Call<[Pointer, Out<number>], Pointer>;
  hermes_envelope_origin: Call<[Pointer, Out<number>], Pointer>;
  hermes_envelope_data: Call<[Pointer, Out<number>], Pointer>;
  hermes_envelope_ts: Call<[Pointer]>;
  hermes_envelope_received: Call<[Pointer]>;
  hermes_envelope_lost: Call<[Pointer]>;
  hermes_free: Call<[Pointer], void>;
}

// Names and addresses go in as C strings, all other text as bytes and a length.
const prototypes: Record<keyof Functions, string> = {
  hermes_version_string: 'str F()',
  hermes_abi_version: 'int F()',
  hermes_strerror: 'str F(int code)',
  hermes_last_error: 'size_t F(_Out_ void *buf, size_t cap)',
  hermes_publisher_new: 'int F(str address, str name, _Out_ uint64_t *publisher)',
  hermes_receiver_new: 'int F(str address, str name, _Out_ uint64_t *receiver)',
  hermes_postoffice_new: 'int F(str in, str out, str debug, _Out_ uint64_t *postoffice)',
  hermes_node_new: 'int F(str name, uint64_t receiver, uint64_t publisher, _Out_ uint64_t *node)',
  hermes_set: 'int F(uint64_t handle, str key, str value)',
  hermes_get: 'int F(uint64_t handle, str key, _Out_ void *buf, size_t cap)',
  hermes_start: 'int F(uint64_t handle)',
  hermes_stop: 'int F(uint64_t handle, int32_t timeout_ms)',
  hermes_close: 'int F(uint64_t handle)',
  hermes_wait: 'int F(uint64_t handle, int32_t timeout_ms)',
  hermes_wait_ready: 'int F(uint64_t handle, int32_t timeout_ms)',
  hermes_stats: 'int F(uint64_t handle, _Out_ void **json, _Out_ size_t *len)',
  hermes_next_event: 'int F(uint64_t handle, int32_t timeout_ms, _Out_ void **json, _Out_ size_t *len)',
  hermes_fd: 'int F(uint64_t handle)',
  hermes_publish:
    'int F(uint64_t publisher, void *topic, size_t topic_len, void *origin, size_t origin_len, void *data, size_t data_len)',
  hermes_publish_batch: 'int F(uint64_t publisher, void *json, size_t len, _Out_ size_t *count)',
  hermes_node_publish: 'int F(uint64_t node, void *channel, size_t channel_len, void *data, size_t data_len)',
  hermes_node_recv: 'int F(uint64_t node, int32_t timeout_ms, _Out_ void **envelope)',
  hermes_receiver_subscribe: 'int F(uint64_t receiver, void *topic, size_t topic_len)',
  hermes_receiver_unsubscribe: 'int F(uint64_t receiver, void *topic, size_t topic_len)',
  hermes_receiver_accept: 'int F(uint64_t receiver, void *origin, size_t origin_len)',
  hermes_recv_json:
    'int F(uint64_t receiver, size_t max, int32_t timeout_ms, _Out_ void **text, _Out_ size_t *len, _Out_ size_t *count)',
  hermes_recv_batch: 'int F(uint64_t receiver, size_t max, int32_t timeout_ms, _Out_ void **batch)',
  hermes_batch_size: 'size_t F(void *batch)',
  hermes_batch_at: 'void *F(void *batch, size_t index)',
  hermes_batch_free: 'void F(void *batch)',
  hermes_envelope_topic: 'void *F(void *envelope, _Out_ size_t *len)',
  hermes_envelope_origin: 'void *F(void *envelope, _Out_ size_t *len)',
  hermes_envelope_data: 'void *F(void *envelope, _Out_ size_t *len)',
  hermes_envelope_ts: 'double F(void *envelope)',
  hermes_envelope_received: 'double F(void *envelope)',
  hermes_envelope_lost: 'uint64_t F(void *envelope)',
  hermes_free: 'void F(void *text)',
};

// ---- Loading ------------------------------------------------------------------

let loaded: Functions | undefined;

/** The library's functions; the first call loads it. */
export function library(): Functions {
  return (loaded ??= load());
}

/** Where the library may be, most wanted first. */
function candidates(): string[] {
  const chosen = process.env['HERMES_LIBRARY'];
  if (chosen) return [chosen];
  const root = path.join(__dirname, '..');
  return [
    path.join(root, 'lib', 'hermes', '_lib', 'libhermes.so.2'), // bindings/node/package
    path.join(root, '..', '..', 'build', 'libhermes.so.2'),
    'libhermes.so.2',
  ];
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
      'Set HERMES_LIBRARY to the path of libhermes.so.2, or install it where the system finds it.',
  );
}

function open(file: string): Functions {
  const handle = koffi.load(file);
  const find = (name: keyof Functions): unknown => handle.func(prototypes[name].replace('F(', `${name}(`));
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

/** The error for what just failed on this thread. */
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

/**
 * Runs a call that may wait on a thread of libuv's pool. The text of its error stays
 * on that thread, so the one for the code has to do.
 */
export function elsewhere<A extends unknown[]>(call: Call<A>, ...args: A): Promise<number> {
  return new Promise((resolve, reject) => {
    call.async(...args, (error: unknown, code: number) => (error ? reject(error as Error) : resolve(code)));
  });
}

/** Milliseconds as hermes.h wants them. */
export function milliseconds(timeout: number): number {
  if (Number.isNaN(timeout)) throw new HermesError('EINVAL', 'a timeout is not a number');
  return timeout < 0 ? FOREVER : Math.min(Math.ceil(timeout), LONGEST);
}

/** Resolves after a while. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Asks again and again, at growing intervals of at most 50 ms, until the answer is not
 * ETIMEOUT or the time is up. Waiting in a thread of the pool instead would be a
 * little quicker, but four that wait would stop all of Node's file access.
 */
export async function until(ask: () => number, timeout: number): Promise<number> {
  const end = timeout < 0 ? Infinity : performance.now() + timeout;
  for (let interval = 1; ; interval = Math.min(2 * interval, 50)) {
    const code = ask();
    const left = end - performance.now();
    if (code !== codes.ETIMEOUT || left <= 0) return code;
    await pause(Math.min(interval, Math.max(1, left)));
  }
}

// ---- Text -----------------------------------------------------------------------

const lone = /\p{Surrogate}/u;

/** Text as UTF-8; half a character is refused here, where it is still to be seen. */
export function utf8(text: string, what: string): Buffer {
  if (typeof text !== 'string') throw new HermesError('EINVAL', `${what} is not a string`);
  const bytes = Buffer.from(text);
  if (bytes.length !== text.length && lone.test(text)) {
    throw new HermesError('EUTF8', `${what} is not Unicode: ${JSON.stringify(text)}`);
  }
  return bytes;
}

/** Text that the library takes up to its first NUL, so it must not have one. */
export function cString(text: string, what: string): string {
  utf8(text, what);
  if (text.includes('\0')) throw new HermesError('EINVAL', `${what} has a NUL in it: ${JSON.stringify(text)}`);
  return text;
}

/** The text behind a pointer. */
export function textAt(pointer: Pointer, length: number): string {
  return length === 0 ? '' : koffi.decode.string(pointer, length);
}

/** A text that a call returned, which is freed. */
export function takeText(pointer: Pointer, length: number): string {
  try {
    return textAt(pointer, length);
  } finally {
    library().hermes_free(pointer);
  }
}

/** The bytes of a text that a call returned, which is freed. */
export function takeBytes(pointer: Pointer, length: number): Buffer {
  try {
    return Buffer.from(Buffer.from(koffi.view(pointer, length)));
  } finally {
    library().hermes_free(pointer);
  }
}

export type Poll = koffi.node.PollHandle;

/** Has libuv watch a descriptor: level-triggered, on this thread's event loop. */
export function watch(fd: number, readable: () => void): Poll {
  return koffi.node.poll(fd, { readable: true }, readable);
}
