// JSON as Python writes it, and texts longer than a string of JavaScript.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import { PATIENCE, withCluster } from './support.mjs';

const require = createRequire(import.meta.url);
const { elements, parse, Splitter, write } = require('../dist/json.js');
const { envelopesOf } = require('../dist/envelope.js');

test('NaN and Infinity, but not within strings', () => {
  const text = '{"NaN": [NaN, -Infinity, Infinity, "NaN \\" Infinity", "\\u0000NaN", "\\\\"], "a": 1}';
  assert.deepEqual(parse(text), { NaN: [NaN, -Infinity, Infinity, 'NaN " Infinity', '\0NaN', '\\'], a: 1 });
  assert.ok(Number.isNaN(parse('NaN')));
});

test('an array is split into the texts of its elements', () => {
  const list = [['t', 'o', { a: [1, '],["\\', {}] }, 1.5], ['🦁', '', [], 2], ['', '', 'x\\"', 3]];
  const found = elements(Buffer.from(JSON.stringify(list)));
  assert.deepEqual(found.map(String), list.map((one) => JSON.stringify(one)));
  assert.deepEqual(elements(Buffer.from('[["t","o",NaN,1]]')).map(String), ['["t","o",NaN,1]']);
});

test('NaN beside hostile data', () => {
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

test('an envelope that cannot be converted has its text, and others are not affected', (t) => {
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

test('a topic or origin that is not a string is its JSON text, and a time that is not a number is now', () => {
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

test('an array fed in pieces is split like the whole', () => {
  const list = Buffer.from('[["a\\\\","\\"],[",{"x":["]"]},1],["🦁",[],"\\\\\\""],[]]');
  const whole = elements(list).map(String);
  assert.deepEqual(whole, JSON.parse(list.toString()).map((one) => JSON.stringify(one)));
  for (let size = 1; size < list.length; size++) {
    const splitter = new Splitter();
    for (let at = 0; at < list.length; at += size) splitter.feed(list.subarray(at, at + size));
    assert.deepEqual(splitter.found.map(([begin, end]) => list.toString('utf8', begin, end)), whole, `${size}`);
  }
});

/** The limits of the machine, made small: on strings, or on memory, in bytes. */
function limited(t, { strings = Infinity, memory = Infinity }) {
  const { toString } = Buffer.prototype;
  t.mock.method(Buffer.prototype, 'toString', function (...args) {
    if (this.length > strings) throw new Error(`Cannot create a string longer than ${strings} characters`);
    return toString.apply(this, args);
  });
  for (const name of ['allocUnsafe', 'from']) {
    const original = Buffer[name];
    t.mock.method(Buffer, name, (what, ...rest) => {
      if ((what.length ?? what) > memory) throw new RangeError('Array buffer allocation failed');
      return original.call(Buffer, what, ...rest);
    });
  }
}

for (const details of [false, true]) {
  const how = details ? 'with details' : 'without details';

  test(`one envelope has a topic, an origin or data too long for a string, ${how}`, (t) =>
    withCluster({ receiver: { details } }, async ({ receiver, publisher }) => {
      const long = 'x'.repeat(5000);
      const rows = [['t', 1], [long, 2], ['t', 3, long], ['t', long], [long, 4, long], ['t', 5]];
      publisher.publishMany(rows);
      await receiver.waitReady(PATIENCE);
      limited(t, { strings: 3000 });
      const got = [];
      while (got.length < rows.length) got.push(...(await receiver.recvMany(10, PATIENCE)));
      t.mock.restoreAll();
      assert.deepEqual(got.map(({ data }) => data), [1, undefined, undefined, undefined, undefined, 5]);
      assert.deepEqual(got.map(({ topic }) => topic), ['t', '', 't', 't', '', 't']);
      assert.deepEqual(got.map(({ origin }) => origin), ['p', 'p', '', 'p', '', 'p']);
      assert.deepEqual(got.map(({ error }) => error?.code), [undefined, 'EJSON', 'EJSON', 'EJSON', 'EJSON', undefined]);
      const raw = (bytes) => bytes && (details || bytes[0] !== 0x22 ? bytes.toString() : JSON.parse(bytes.toString()));
      assert.deepEqual(got.map((one) => raw(one.rawTopic)), [undefined, long, undefined, undefined, long, undefined]);
      assert.deepEqual(got.map((one) => raw(one.rawOrigin)), [undefined, undefined, long, undefined, long, undefined]);
      assert.deepEqual(got.map((one) => one.raw?.toString()), [undefined, '2', '3', `"${long}"`, '4', undefined]);
      for (const { error, text } of got) assert.equal(text === undefined, !details || error !== undefined);
      assert.equal(receiver.stats().delivered, rows.length);
    }));

  test(`out of memory for one envelope does not affect others, ${how}`, (t) =>
    withCluster({ receiver: { details } }, async ({ receiver, publisher }) => {
      const rows = Array.from({ length: 50 }, (_, n) => ['t', n === 20 ? 'x'.repeat(200_000) : [n, 'x'.repeat(3000)]]);
      publisher.publishMany(rows);
      limited(t, { memory: 100_000 });
      const got = [];
      while (got.length < rows.length) got.push(...(await receiver.recvMany(Infinity, PATIENCE)));
      t.mock.restoreAll();
      assert.deepEqual(got.map(({ data }) => data?.[0]), rows.map((_, n) => (n === 20 ? undefined : n)));
      assert.deepEqual(got.filter(({ error }) => error).length, 1);
      assert.match(got[20].error.message, /allocation failed/);
      assert.equal(receiver.stats().delivered, rows.length);
    }));
}

test('the error text about an envelope is short, even if its topic is long', () => {
  const topic = '\u0001'.repeat(1 << 20);
  const list = `[[${JSON.stringify(topic)},"o",[1e,NaN],1]]`; // which no library lets through
  const [{ error, topic: same }] = envelopesOf(Buffer.from(list));
  assert.equal(same, topic);
  assert.ok(error.message.length < 2000, `${error.message.length}`);
});

test('values that JSON cannot express are rejected', () => {
  const circle = [];
  circle.push(circle);
  for (const wrong of [undefined, () => 1, Symbol('x'), 1n, circle]) assert.throws(() => write(wrong), { code: 'EJSON' });
});
