/*
 * JSON as hermes has it: Python's NaN, Infinity and -Infinity are allowed, and one text
 * may be longer than a string of JavaScript. What comes from the network decides how long and
 * how deep a text is, so nothing here calls itself, and each text is read a fixed number of times.
 */
import { randomUUID } from 'node:crypto';
import { HermesError } from './errors';
import { utf8 } from './native';

/** Parses a text that the library has checked. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return parseWithNaN(text);
  }
}

const bare = /-?Infinity|NaN/g;

function parseWithNaN(text: string): unknown {
  const mark = `NaN ${randomUUID()}`; // a string that no sender can know
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

/** JSON text that a program hands over, as bytes. */
export function jsonBytes(json: string | Uint8Array): Buffer {
  if (json instanceof Uint8Array) return Buffer.from(json.buffer, json.byteOffset, json.byteLength);
  return utf8(json, 'the data');
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The elements of a JSON array, as they stand there: for one that JSON.parse does not take whole. */
export function elements(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  let depth = 0;
  let begin = 1;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) at = endOfStringIn(bytes, at);
    else if (byte === 0x5b || byte === 0x7b) depth++; // [ {
    else if (byte === 0x5d || byte === 0x7d) depth--; // ] }
    else if (byte === 0x2c && depth === 1) {
      found.push(bytes.subarray(begin, at));
      begin = at + 1;
    }
  }
  found.push(bytes.subarray(begin, bytes.lastIndexOf(0x5d)));
  return found;
}

function endOfStringIn(bytes: Buffer, quote: number): number {
  for (let at = quote + 1; ; at++) {
    at = bytes.indexOf(QUOTE, at);
    if (at < 0) return bytes.length;
    let backslashes = 0;
    while (bytes[at - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
}
