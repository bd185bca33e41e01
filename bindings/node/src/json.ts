/*
 * JSON as on the wire: NaN, Infinity and -Infinity are allowed, and a text may exceed JavaScript's
 * maximum string length. Peers choose the length and depth of a text, so nothing here is
 * recursive, and each function makes a fixed number of passes over the text.
 */
import { randomUUID } from 'node:crypto';
import { HermesError } from './errors';
import { utf8 } from './native';

/** Parses a text that the library has validated. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return parseWithNaN(text);
  }
}

const bare = /-?Infinity|NaN/g;

function parseWithNaN(text: string): unknown {
  const mark = `NaN ${randomUUID()}`; // a string that no sender can guess
  const quoted = JSON.stringify(mark);
  const replace = (token: string): string =>
    token === 'NaN' ? quoted : token === 'Infinity' ? '1e999' : '-1e999';
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at);
    const begin = quote < 0 ? text.length : quote;
    if (begin > at) pieces.push(text.slice(at, begin).replace(bare, replace));
    at = quote < 0 ? text.length : endOfString(text, quote) + 1;
    pieces.push(text.slice(begin, at));
  }
  return restoreNaN(JSON.parse(pieces.join('')), mark);
}

function endOfString(text: string, quote: number): number {
  for (let at = quote + 1; ; at++) {
    at = text.indexOf('"', at);
    if (at < 0) return text.length;
    let backslashes = 0;
    while (text[at - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return at;
  }
}

/** Puts NaN where the mark is. */
function restoreNaN(value: unknown, mark: string): unknown {
  if (value === mark) return NaN;
  const left: unknown[] = [value];
  while (left.length > 0) {
    const holder = left.pop();
    if (typeof holder !== 'object' || holder === null) continue;
    const members = holder as Record<string | number, unknown>;
    const visit = (key: string | number): void => {
      const member = members[key];
      if (member === mark) members[key] = NaN;
      else if (typeof member === 'object') left.push(member);
    };
    if (Array.isArray(holder)) for (let at = 0; at < holder.length; at++) visit(at);
    else Object.keys(holder).forEach(visit);
  }
  return value;
}

/** A value as JSON text. */
export function write(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new HermesError('EJSON', `data cannot be written as JSON: ${(error as Error).message}`);
  }
  if (text === undefined) throw new HermesError('EJSON', `data cannot be written as JSON: ${typeof value}`);
  return text;
}

/** JSON text from the caller, as bytes. */
export function jsonBytes(json: string | Uint8Array): Buffer {
  if (json instanceof Uint8Array) return Buffer.from(json.buffer, json.byteOffset, json.byteLength);
  return utf8(json, 'the data');
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Finds where the elements of a JSON array begin and end, in a text that is fed in pieces. */
export class Splitter {
  /** The byte offsets of the elements. */
  readonly found: [begin: number, end: number][] = [];
  private at = 0; // the length of all pieces before the current one
  private begin = 1;
  private depth = 0;
  private inString = false;
  private escaped = false;

  feed(bytes: Buffer): void {
    for (let n = 0; n < bytes.length; n++) {
      if (this.inString) n = this.string(bytes, n);
      else this.outside(bytes[n] as number, this.at + n);
    }
    this.at += bytes.length;
  }

  /** Goes through a string, and returns where it, or the piece, ends. */
  private string(bytes: Buffer, from: number): number {
    let n = from;
    if (this.escaped) n++;
    for (;;) {
      const quote = bytes.indexOf(QUOTE, n);
      const end = quote < 0 ? bytes.length : quote;
      let backslashes = 0; // right before the end; an odd number of them escapes what follows
      while (end - backslashes > n && bytes[end - backslashes - 1] === BACKSLASH) backslashes++;
      this.escaped = quote < 0 && backslashes % 2 === 1;
      if (quote < 0) return end;
      if (backslashes % 2 === 0) {
        this.inString = false;
        return quote;
      }
      n = quote + 1;
    }
  }

  private outside(byte: number, at: number): void {
    if (byte === QUOTE) this.inString = true;
    else if (byte === 0x5b || byte === 0x7b) this.depth++; // [ {
    else if (byte === 0x5d || byte === 0x7d) this.depth--; // ] }
    const ends = this.depth === 0 ? byte === 0x5d : this.depth === 1 && byte === 0x2c;
    if (!ends) return;
    this.found.push([this.begin, at]);
    this.begin = at + 1;
  }
}

/** The texts of the elements of a JSON array, for one that JSON.parse cannot parse as a whole. */
export function elements(bytes: Buffer): Buffer[] {
  const splitter = new Splitter();
  splitter.feed(bytes);
  return splitter.found.map(([begin, end]) => bytes.subarray(begin, end));
}
