/*
 * Received envelopes, made of what the library hands out. It has counted them as delivered by
 * then, so each is converted alone: one that cannot be is handed on with its raw text, and costs
 * no other.
 */
import { HermesError } from './errors';
import { elements, parse } from './json';
import { bytesAt, LENGTH, library, type Pointer } from './native';

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
  /** Why `data` could not be made of what came, such as a text longer than a string can be. */
  readonly error?: HermesError;
  /** The data as it travelled, in UTF-8, where there is an `error`. */
  readonly raw?: Buffer;
}

/** The envelopes of a text of hermes_recv_json(). */
export function envelopesOf(bytes: Buffer): Envelope[] {
  let list: Row[];
  try {
    list = JSON.parse(bytes.toString()) as Row[];
  } catch {
    return elements(bytes).map(envelopeOf);
  }
  if (!list.every(isUsual)) return elements(bytes).map(envelopeOf);
  return list.map(([topic, origin, data, ts, lost = 0]) => ({ topic, origin, data, ts, lost }));
}

type Row = [topic: string, origin: string, data: unknown, ts: number, lost?: number];

/** Whether topic, origin and ts are what nearly all senders give: two strings and a number. */
function isUsual([topic, origin, , ts]: Row): boolean {
  return typeof topic === 'string' && typeof origin === 'string' && typeof ts === 'number';
}

/** The envelope of `[topic, origin, data, ts, lost?]`. */
function envelopeOf(bytes: Buffer): Envelope {
  const [topic, origin, data, ts, lost] = elements(bytes) as [Buffer, Buffer, Buffer, Buffer, Buffer?];
  const head = { topic: textOf(topic), origin: textOf(origin) };
  const tail = { ts: timeOf(ts), lost: lost === undefined ? 0 : (plain(lost) as number) };
  return { ...head, ...converted(head, data), ...tail };
}

/** A string; of any other value, its JSON text, as everywhere outside of Python. */
function textOf(bytes: Buffer): string {
  const text = bytes.toString().trim();
  return text.startsWith('"') ? (parse(text) as string) : text;
}

/** A time, which may be written as text; anything else is the moment of taking it. */
function timeOf(bytes: Buffer): number {
  const ts = plain(bytes);
  if (typeof ts === 'number') return ts;
  const time = typeof ts === 'string' && ts.trim() !== '' ? Number(ts) : NaN;
  return Number.isFinite(time) ? time : Date.now() / 1000;
}

function plain(bytes: Buffer): unknown {
  return parse(bytes.toString());
}

type Data = Pick<Envelope, 'data' | 'error' | 'raw'>;

function converted({ topic, origin }: { topic: string; origin: string }, bytes: Buffer): Data {
  try {
    return { data: plain(bytes) };
  } catch (error) {
    const which = `the data of an envelope, topic ${JSON.stringify(topic)}, origin ${JSON.stringify(origin)}`;
    const why = `${which}, ${bytes.length} bytes, cannot be converted: ${(error as Error).message}`;
    return { data: undefined, error: new HermesError('EJSON', why), raw: Buffer.from(bytes) };
  }
}

/** The envelope behind a pointer, with all that is known of it. */
export function detailed(pointer: Pointer): Envelope {
  const lib = library();
  const text = (of: 'topic' | 'origin' | 'data'): Buffer => {
    const at = lib[`hermes_envelope_${of}`](pointer, LENGTH);
    return bytesAt(at, Number(LENGTH[0]));
  };
  const head = { topic: text('topic').toString(), origin: text('origin').toString() };
  const bytes = text('data');
  const data = converted(head, bytes);
  return {
    ...head,
    ...data,
    ts: lib.hermes_envelope_ts(pointer),
    ...(data.error ? {} : { text: bytes.toString() }),
    received: lib.hermes_envelope_received(pointer),
    lost: Number(lib.hermes_envelope_lost(pointer)),
  };
}
