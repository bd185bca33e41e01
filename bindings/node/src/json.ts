/*
 * JSON as hermes has it: Python's NaN, Infinity and -Infinity are allowed, and one text
 * may be longer than a string of JavaScript.
 */
import { constants } from 'node:buffer';
import { HermesError } from './errors';

const bare = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g;

/** Parses a text that the library has checked. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return parseWithNaN(text);
  }
}

function parseWithNaN(text: string): unknown {
  let mark = '\0NaN';
  while (text.includes(JSON.stringify(mark))) mark += '\0';
  const plain = text.replace(bare, (token) => {
    if (token === 'NaN') return JSON.stringify(mark);
    if (token === 'Infinity') return '1e999';
    return token === '-Infinity' ? '-1e999' : token;
  });
  return JSON.parse(plain, (_, value: unknown) => (value === mark ? NaN : value)) as unknown;
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

/** Parses an array of values one by one, where it is too long for one string. */
export function parseList(bytes: Buffer, longest: number = constants.MAX_STRING_LENGTH): unknown[] {
  if (bytes.length <= longest) return parse(bytes.toString()) as unknown[];
  return elements(bytes).map((element) => parse(element.toString()));
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The elements of an array, as they stand there. */
function elements(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  let depth = 0;
  let begin = 1;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) at = endOfString(bytes, at);
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

function endOfString(bytes: Buffer, at: number): number {
  for (at++; bytes[at] !== QUOTE; at++) {
    if (bytes[at] === BACKSLASH) at++;
  }
  return at;
}
