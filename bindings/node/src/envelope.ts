/*
 * Converts received envelopes to JavaScript: from the JSON of hermes_recv_json(), or with details
 * from hermes_envelope_*(). The library has counted them as delivered by then, so each envelope is
 * converted on its own; if one fails, it is delivered with `error` and its raw text. A
 * conversion fails if memory runs out, if a text exceeds JavaScript's maximum string length,
 * or if JSON.parse throws.
 */
import { HermesError } from './errors';
import { elements, parse, Splitter } from './json';
import { bytesAt, LENGTH, library, POINTER, type Pointer } from './native';

/** One received envelope. */
export interface Envelope {
  /** The topic. One that is not a string on the wire (only Python programs send those) is its JSON text. */
  readonly topic: string;
  /** The origin, as a string like the topic. */
  readonly origin: string;
  /** The parsed data; undefined (which JSON cannot express) if there is an `error`. */
  readonly data: unknown;
  /** When it was sent, by the sender's clock, in seconds since 1970; if that is not a number, when it was taken. */
  readonly ts: number;
  /** How many envelopes of this topic and sender were lost right before this one. */
  readonly lost: number;
  /** The trace context that it was published with, in the form of W3C; as a rule there is none. */
  readonly traceparent?: string;
  /** The JSON text of the data; only if the receiver has `details`. */
  readonly text?: string;
  /** When it arrived, by this machine's clock, in seconds since 1970; only if the receiver has `details`. */
  readonly received?: number;
  /** Why `data`, `topic` or `origin` could not be converted, such as a text longer than a string can be. */
  readonly error?: HermesError;
  /** The JSON text of the data in UTF-8, if there is an `error`; undefined if there is no memory for it. */
  readonly raw?: Buffer;
  /** The topic in UTF-8 (as JSON, without `details`) if it cannot be converted; `topic` is then empty. */
  readonly rawTopic?: Buffer;
  /** As `rawTopic`. */
  readonly rawOrigin?: Buffer;
}

// ---- As JSON ---------------------------------------------------------------------

/** The envelopes that the last call of hermes_recv_json() returned; frees its text. */
export function takeEnvelopes(): Envelope[] {
  const pointer = POINTER[0];
  const length = Number(LENGTH[0]);
  try {
    const bytes = orUndefined(() => bytesAt(pointer, length));
    return bytes ? envelopesOf(bytes) : oneByOne(pointer, length);
  } finally {
    library().hermes_free(pointer);
  }
}

/** The envelopes of a text of hermes_recv_json(). */
export function envelopesOf(bytes: Buffer): Envelope[] {
  const list = orUndefined(() => {
    const text = bytes.toString();
    return CONTEXT.test(text) ? undefined : (JSON.parse(text) as Row[]);
  });
  if (!list?.every(isUsual)) return elements(bytes).map(envelopeOf);
  return list.map(([topic, origin, data, ts, lost = 0]) => ({ topic, origin, data, ts, lost }));
}

/** Whether an envelope of a text may have a trace context. */
const CONTEXT = /,[ \t\n\r]{100}/;

/** How many white-space characters, in front of a time, a trace context is. */
const CONTEXT_SIZE = 100;

/** The trace context in front of a time (docs/wire.md), if there is one. */
function contextOf(time: Buffer): { traceparent?: string } {
  const digits = [...time.subarray(0, CONTEXT_SIZE)].map((byte) => ' \t\n\r'.indexOf(String.fromCharCode(byte)));
  if (time.length <= CONTEXT_SIZE || digits.includes(-1)) return {};
  let hex = '';
  for (let at = 0; at < CONTEXT_SIZE; at += 2) hex += ((digits[at] as number) * 4 + (digits[at + 1] as number)).toString(16);
  const [trace, span, flags] = [hex.slice(0, 32), hex.slice(32, 48), hex.slice(48)];
  const sampled = (parseInt(flags, 16) & 1) === 1;
  return sampled && /[^0]/.test(trace) && /[^0]/.test(span) ? { traceparent: `00-${trace}-${span}-${flags}` } : {};
}

type Row = [topic: string, origin: string, data: unknown, ts: number, lost?: number];

/** Whether topic, origin and ts are two strings and a number, as nearly always. */
function isUsual([topic, origin, , ts]: Row): boolean {
  return typeof topic === 'string' && typeof origin === 'string' && typeof ts === 'number';
}

/** How many bytes of a text are scanned at a time if there is no memory for a copy of all. */
const WINDOW = 65536;

/** The envelopes of a text that is too long to be copied as a whole. */
function oneByOne(pointer: Pointer, length: number): Envelope[] {
  const from = (at: number, size: number): Buffer => bytesAt((pointer as bigint) + BigInt(at), size);
  const rows = new Splitter();
  for (let at = 0; at < length; at += WINDOW) rows.feed(from(at, Math.min(WINDOW, length - at)));
  return rows.found.map(([begin, end]) => {
    try {
      return envelopeOf(from(begin, end - begin));
    } catch (error) {
      const why = `an envelope of ${end - begin} bytes cannot be converted: ${(error as Error).message}`;
      return { topic: '', origin: '', data: undefined, ts: Date.now() / 1000, lost: 0, error: new HermesError('ENOMEM', why) };
    }
  });
}

/** The envelope of `[topic, origin, data, ts, lost?]`. */
function envelopeOf(bytes: Buffer): Envelope {
  const [topic, origin, data, ts, lost] = elements(bytes) as [Buffer, Buffer, Buffer, Buffer, Buffer?];
  const texts = convert({ topic: () => topic, origin: () => origin, data: () => data }, textOf);
  return { ...texts, ts: timeOf(ts), lost: lost === undefined ? 0 : (plain(lost) as number), ...contextOf(ts) };
}

/** A JSON string's value; for any other JSON value, its text. */
function textOf(bytes: Buffer): string {
  const text = bytes.toString().trim();
  return text.startsWith('"') ? (parse(text) as string) : text;
}

/** A time, which may be a number in a string; for anything else, the current time. */
function timeOf(bytes: Buffer): number {
  const ts = orUndefined(() => plain(bytes));
  if (typeof ts === 'number') return ts;
  const time = typeof ts === 'string' && ts.trim() !== '' ? Number(ts) : NaN;
  return Number.isFinite(time) ? time : Date.now() / 1000;
}

// ---- With details ----------------------------------------------------------------

/** The envelope at a pointer, with details. */
export function detailedEnvelope(pointer: Pointer): Envelope {
  const lib = library();
  const bytesOf = (of: 'topic' | 'origin' | 'data') => (): Buffer => {
    const at = lib[`hermes_envelope_${of}`](pointer, LENGTH);
    return bytesAt(at, Number(LENGTH[0]));
  };
  const fields = { topic: bytesOf('topic'), origin: bytesOf('origin'), data: bytesOf('data') };
  const traceparent = lib.hermes_envelope_traceparent(pointer);
  let text = '';
  const texts = convert(fields, String, (json) => (text = json));
  return {
    ...texts,
    ts: lib.hermes_envelope_ts(pointer),
    ...(texts.error ? {} : { text }),
    received: lib.hermes_envelope_received(pointer),
    lost: Number(lib.hermes_envelope_lost(pointer)),
    ...(traceparent == null ? {} : { traceparent }),
  };
}

// ---- Common to both --------------------------------------------------------------

type Fields = Record<'topic' | 'origin' | 'data', () => Buffer>;
type Texts = Pick<Envelope, 'topic' | 'origin' | 'data' | 'error' | 'raw' | 'rawTopic' | 'rawOrigin'>;

/** Converts topic, origin and data; on failure, returns the error and the bytes. Passes the data's text to `tell`. */
function convert(fields: Fields, textOf: (bytes: Buffer) => string, tell?: (text: string) => void): Texts {
  const texts = { topic: '', origin: '' };
  let at: keyof Fields = 'topic';
  try {
    texts.topic = textOf(fields.topic());
    at = 'origin';
    texts.origin = textOf(fields.origin());
    at = 'data';
    const text = fields.data().toString();
    tell?.(text);
    return { ...texts, data: parse(text) };
  } catch (error) {
    const raw = { topic: copied(fields.topic), origin: copied(fields.origin), data: copied(fields.data) };
    const origin = at === 'topic' ? orUndefined(() => textOf(raw.origin as Buffer)) : at === 'data' ? texts.origin : undefined;
    texts.origin = origin ?? '';
    return {
      ...texts,
      data: undefined,
      error: new HermesError('EJSON', errorText(at, texts, raw[at]?.length, error as Error)),
      ...(raw.data && { raw: raw.data }),
      ...(at === 'topic' && raw.topic && { rawTopic: raw.topic }),
      ...(origin === undefined && raw.origin && { rawOrigin: raw.origin }),
    };
  }
}

/** How many characters of a topic or origin an error text shows. */
const SHOWN_CHARS = 100;

function errorText(at: keyof Fields, { topic, origin }: { topic: string; origin: string }, size: number | undefined, error: Error): string {
  const short = (text: string): string => JSON.stringify(text.slice(0, SHOWN_CHARS)) + (text.length > SHOWN_CHARS ? '…' : '');
  const which = `the ${at} of an envelope, topic ${short(topic)}, origin ${short(origin)}`;
  return `${which}, ${size ?? 'very many'} bytes, cannot be converted: ${error.message}`;
}

/** A copy of bytes that does not depend on the library's memory; undefined if there is no memory for it. */
function copied(bytes: () => Buffer): Buffer | undefined {
  return orUndefined(() => Buffer.from(bytes()));
}

function plain(bytes: Buffer): unknown {
  return parse(bytes.toString());
}

/** The result of a function, or undefined if it throws. */
function orUndefined<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
