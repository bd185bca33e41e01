// JSON as Python writes it, and more of it than a string of JavaScript holds.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';

const { parse, parseList, write } = createRequire(import.meta.url)('../dist/json.js');

test('NaN and Infinity, but not inside of strings', () => {
  const text = '{"NaN": [NaN, -Infinity, Infinity, "NaN \\" Infinity", "\\u0000NaN", "\\\\"], "a": 1}';
  assert.deepEqual(parse(text), { NaN: [NaN, -Infinity, Infinity, 'NaN " Infinity', '\0NaN', '\\'], a: 1 });
  assert.ok(Number.isNaN(parse('NaN')));
});

test('a list too long for one string is taken apart', () => {
  const list = [['t', 'o', { a: [1, '],["\\', {}] }, 1.5], ['🦁', '', [], 2], ['', '', 'x\\"', 3]];
  const bytes = Buffer.from(JSON.stringify(list));
  assert.deepEqual(parseList(bytes, 10), list);
  assert.deepEqual(parseList(bytes), list);
  assert.deepEqual(parseList(Buffer.from('[["t","o",NaN,1]]'), 1), [['t', 'o', NaN, 1]]);
});

test('what cannot be written is refused', () => {
  const circle = [];
  circle.push(circle);
  for (const wrong of [undefined, () => 1, Symbol('x'), 1n, circle]) assert.throws(() => write(wrong), { code: 'EJSON' });
});
