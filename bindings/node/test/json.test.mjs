// JSON as Python writes it, and more of it than a string of JavaScript holds.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';

const require = createRequire(import.meta.url);
const { elements, parse, write } = require('../dist/json.js');
const { envelopesOf } = require('../dist/envelope.js');

test('NaN and Infinity, but not inside of strings', () => {
  const text = '{"NaN": [NaN, -Infinity, Infinity, "NaN \\" Infinity", "\\u0000NaN", "\\\\"], "a": 1}';
  assert.deepEqual(parse(text), { NaN: [NaN, -Infinity, Infinity, 'NaN " Infinity', '\0NaN', '\\'], a: 1 });
  assert.ok(Number.isNaN(parse('NaN')));
});

test('a list is taken apart as it stands there', () => {
  const list = [['t', 'o', { a: [1, '],["\\', {}] }, 1.5], ['🦁', '', [], 2], ['', '', 'x\\"', 3]];
  const found = elements(Buffer.from(JSON.stringify(list)));
  assert.deepEqual(found.map(String), list.map((one) => JSON.stringify(one)));
  assert.deepEqual(elements(Buffer.from('[["t","o",NaN,1]]')).map(String), ['["t","o",NaN,1]']);
});

test('NaN beside anything that a peer can think of', () => {
  const long = 'x'.repeat(8 << 20);
  assert.deepEqual(parse(`[NaN, "${long}"]`), [NaN, long]);
  const backslashes = '\\'.repeat(1 << 20);
  assert.deepEqual(parse(`["${backslashes}", NaN, "\\"", "NaN", "\\u0000\\u004eaN"]`), [
    '\\'.repeat(1 << 19), NaN, '"', 'NaN', '\0NaN',
  ]);
  const depth = 20_000;
  let inner = parse('['.repeat(depth) + 'NaN' + ']'.repeat(depth));
  for (let n = 1; n < depth; n++) inner = inner[0];
  assert.deepEqual(inner, [NaN]);
  const strange = parse('{"__proto__": NaN, "length": NaN, "a": {"__proto__": [NaN]}}');
  assert.deepEqual(Object.keys(strange), ['__proto__', 'length', 'a']);
  assert.ok(Number.isNaN(strange['__proto__']) && Number.isNaN(strange.length));
  assert.equal(Object.getPrototypeOf(strange), Object.prototype);
});

test('what cannot be converted concerns that envelope alone, and has its text', (t) => {
  const original = JSON.parse;
  t.mock.method(JSON, 'parse', (text, ...rest) => {
    if (text.includes('poison')) throw new RangeError('too much');
    return original(text, ...rest);
  });
  const list = '[["t","o",1,1.5],["t\\"","o",["poison",NaN],2,7],["t","o",[NaN],3]]';
  const [first, second, third] = envelopesOf(Buffer.from(list));
  assert.deepEqual(first, { topic: 't', origin: 'o', data: 1, ts: 1.5, lost: 0 });
  assert.deepEqual(third, { topic: 't', origin: 'o', data: [NaN], ts: 3, lost: 0 });
  const { error, raw, ...rest } = second;
  assert.deepEqual(rest, { topic: 't"', origin: 'o', data: undefined, ts: 2, lost: 7 });
  assert.equal(raw.toString(), '["poison",NaN]');
  assert.equal(error.code, 'EJSON');
  assert.match(error.message, /too much/);
});

test('a topic or origin that is no string is its JSON text, and a time that is no number is now', () => {
  const list = '[[null,[1.0, 2],1,1.5],[7,"\\u00e9",2,"soon",3],["t",{"a":"]"},[NaN],null],["t","o",4,2]]';
  const before = Date.now() / 1000;
  const found = envelopesOf(Buffer.from(list));
  assert.deepEqual(found.map(({ topic, origin, data, lost }) => [topic, origin, data, lost]), [
    ['null', '[1.0, 2]', 1, 0], ['7', 'é', 2, 3], ['t', '{"a":"]"}', [NaN], 0], ['t', 'o', 4, 0],
  ]);
  const [first, second, third, fourth] = found.map(({ ts }) => ts);
  assert.deepEqual([first, fourth], [1.5, 2]);
  for (const ts of [second, third]) assert.ok(ts >= before && ts <= Date.now() / 1000);
});

test('what cannot be written is refused', () => {
  const circle = [];
  circle.push(circle);
  for (const wrong of [undefined, () => 1, Symbol('x'), 1n, circle]) assert.throws(() => write(wrong), { code: 'EJSON' });
});
