/*
 * Received envelopes, made of what the library hands out. It has counted them as delivered by
 * then, so each is converted alone: one that cannot be is handed on with its raw text, and costs
 * no other. What can fail is the memory for a copy, a text that is longer than a string of
 * JavaScript can be, and JSON.parse.
 */
import { HermesError } from './errors';
import { elements, parse, Splitter } from './json';
import { bytesAt, LENGTH, library, POINTER, type Pointer } from './native';

/** One received envelope. */
export interface Envelope {
  /** A topic that is no string on the wire, which only Python programs send, is its JSON text. */
  readonly topic: string;
  /** As the topic. */
  readonly origin: string;
  /** Undefined, which no JSON is, where there is an `error`. */
  readonly data: unknown;
  /** When it was sent, by the sender's clock, in seconds since 1970; when taken, where that is no number. */
  readonly ts: number;
  /** How many envelopes of this topic and sender went missing right before this one. */
  readonly lost: number;
  /** The data as it travelled, where the receiver gives `details`. */
  readonly text?: string;
  /** When it arrived, by this machine's clock, where the receiver gives `details`. */
  readonly received?: number;
  /** Why `data`, `topic` or `origin` could not be made of what came: longer than a string can be, say. */
  readonly error?: HermesError;
  /** The data as it travelled, in UTF-8, where there is an `error`; undefined where memory for it lacks. */
  readonly raw?: Buffer;
  /** The topic in UTF-8 (as JSON, without `details`) where no string can be made of it; `topic` is then empty. */
  readonly rawTopic?: Buffer;
  /** As `rawTopic`. */
  readonly rawOrigin?: Buffer;
}

// ---- As JSON ---------------------------------------------------------------------

/** The envelopes that a call of hermes_recv_json() has just put out; its text is freed. */
export function takeEnvelopes(): Envelope[] {
  const pointer = POINTER[0];
  const length = Number(LENGTH[0]);
  try {
    const bytes = attempt(() => bytesAt(pointer, length));
    return bytes ? envelopesOf(bytes) : oneByOne(pointer, length);
  } finally {
    library().hermes_free(pointer);
  }
}

/** The envelopes of a text of hermes_recv_json(). */
export function envelopesOf(bytes: Buffer): Envelope[] {
  const list = attempt(() => JSON.parse(bytes.toString()) as Row[]);
  if (!list?.every(isUsual)) return elements(bytes).map(envelopeOf);
  return list.map(([topic, origin, data, ts, lost = 0]) => ({ topic, origin, data, ts, lost }));
}

type Row = [topic: string, origin: string, data: unknown, ts: number, lost?: number];

/** Whether topic, origin and ts are what nearly all senders give: two strings and a number. */
function isUsual([topic, origin, , ts]: Row): boolean {
  return typeof topic === 'string' && typeof origin === 'string' && typeof ts === 'number';
}

/** How much of a text is looked at at once where there is no memory for all of it. */
const WINDOW = 65536;

/** The envelopes of a text that cannot be copied as a whole. */
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
  const texts = converted({ topic: () => topic, origin: () => origin, data: () => data }, textOf);
  return { ...texts, ts: timeOf(ts), lost: lost === undefined ? 0 : (plain(lost) as number) };
}

/** A string; of any other value, its JSON text, as everywhere outside of Python. */
function textOf(bytes: Buffer): string {
  const text = bytes.toString().trim();
  return text.startsWith('"') ? (parse(text) as string) : text;
}

/** A time, which may be written as text; anything else is the moment of taking it. */
function timeOf(bytes: Buffer): number {
  const ts = attempt(() => plain(bytes));
  if (typeof ts === 'number') return ts;
  const time = typeof ts === 'string' && ts.trim() !== '' ? Number(ts) : NaN;
  return Number.isFinite(time) ? time : Date.now() / 1000;
}

// ---- With details ----------------------------------------------------------------

/** The envelope behind a pointer, with all that is known of it. */
export function detailed(pointer: Pointer): Envelope {
  const lib = library();
  const bytesOf = (of: 'topic' | 'origin' | 'data') => (): Buffer => {
    const at = lib[`hermes_envelope_${of}`](pointer, LENGTH);
    return bytesAt(at, Number(LENGTH[0]));
  };
  const parts = { topic: bytesOf('topic'), origin: bytesOf('origin'), data: bytesOf('data') };
  let text = '';
  const texts = converted(parts, String, (json) => (text = json));
  return {
    ...texts,
    ts: lib.hermes_envelope_ts(pointer),
    ...(texts.error ? {} : { text }),
    received: lib.hermes_envelope_received(pointer),
    lost: Number(lib.hermes_envelope_lost(pointer)),
  };
}

// ---- Of both ---------------------------------------------------------------------

type Parts = Record<'topic' | 'origin' | 'data', () => Buffer>;
type Texts = Pick<Envelope, 'topic' | 'origin' | 'data' | 'error' | 'raw' | 'rawTopic' | 'rawOrigin'>;

/** Topic, origin and data of their bytes, or the bytes and why not. `tell` hears the text of the data. */
function converted(parts: Parts, textOf: (bytes: Buffer) => string, tell?: (text: string) => void): Texts {
  const texts = { topic: '', origin: '' };
  let at: keyof Parts = 'topic';
  try {
    texts.topic = textOf(parts.topic());
    at = 'origin';
    texts.origin = textOf(parts.origin());
    at = 'data';
    const text = parts.data().toString();
    tell?.(text);
    return { ...texts, data: parse(text) };
  } catch (error) {
    const raw = { topic: copied(parts.topic), origin: copied(parts.origin), data: copied(parts.data) };
    const origin = at === 'topic' ? attempt(() => textOf(raw.origin as Buffer)) : at === 'data' ? texts.origin : undefined;
    texts.origin = origin ?? '';
    return {
      ...texts,
      data: undefined,
      error: new HermesError('EJSON', complaint(at, texts, raw[at]?.length, error as Error)),
      ...(raw.data && { raw: raw.data }),
      ...(at === 'topic' && raw.topic && { rawTopic: raw.topic }),
      ...(origin === undefined && raw.origin && { rawOrigin: raw.origin }),
    };
  }
}

/** What a message shows of a text, which may be longer than any message. */
const SHOWN = 100;

function complaint(at: keyof Parts, { topic, origin }: { topic: string; origin: string }, size: number | undefined, error: Error): string {
  const short = (text: string): string => JSON.stringify(text.slice(0, SHOWN)) + (text.length > SHOWN ? '…' : '');
  const which = `the ${at} of an envelope, topic ${short(topic)}, origin ${short(origin)}`;
  return `${which}, ${size ?? 'very many'} bytes, cannot be converted: ${error.message}`;
}

/** Bytes that outlive what they are part of; undefined without memory for them. */
function copied(bytes: () => Buffer): Buffer | undefined {
  return attempt(() => Buffer.from(bytes()));
}

function plain(bytes: Buffer): unknown {
  return parse(bytes.toString());
}

/** What a function gives, or undefined where it throws. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
