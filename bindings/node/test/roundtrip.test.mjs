// Envelopes arrive complete and in order, by every way of receiving them.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { Node, Receiver, version } from 'hermes-zmq';
import { PATIENCE, eventually, withCluster } from './support.mjs';

const values = [
  null, true, 0, -42, 0.1, -2.5e-300, Number.MAX_SAFE_INTEGER, '', 'naïve – ½ € 日本 🦁 𝄞', [], {}, [[1], { a: [null] }],
  '\0\u2028\ufeff\u007f"\\/', { '🦁': ['𐍈'], __proto__x: 1, '': '' },
];

test('every kind of value, by recv', () =>
  withCluster({}, async ({ receiver, publisher }) => {
    for (const value of values) publisher.publish('t/🦁\0', value, 'who"');
    for (const value of values) {
      const { topic, origin, data, ts } = await receiver.recv(PATIENCE);
      assert.deepEqual({ topic, origin, data }, { topic: 't/🦁\0', origin: 'who"', data: value });
      assert.ok(Math.abs(ts - Date.now() / 1000) < 120);
    }
    publisher.publish('t', 1);
    assert.equal((await receiver.recv(PATIENCE)).origin, 'p');
    publisher.publish('', 1, '');
    assert.deepEqual({ ...(await receiver.recv(PATIENCE)), ts: 0 }, { topic: '', origin: '', data: 1, ts: 0, lost: 0 });
  }));

test('topics that are JSON but no strings, in the same way with details and without', () =>
  withCluster({}, async ({ receiver, publisher, out }) => {
    const detailed = new Receiver(out, 'd', { details: true, options: { on_slow: 'ignore' } }).start();
    try {
      await detailed.waitReady(PATIENCE);
      const rows = Buffer.from('[[null,[1, 2],1,"1.5"],[7,{"a":1.0},2,null],["t","o",3,4.5]]');
      const { COUNT, library } = createRequire(import.meta.url)('../dist/native.js');
      const wanted = [['null', '[1, 2]', 1], ['7', '{"a":1.0}', 2], ['t', 'o', 3]];
      for (const each of [receiver, detailed]) {
        const found = [];
        while (found.length === 0) { // until the subscription has arrived
          assert.equal(library().hermes_publish_batch(publisher.handle, rows, rows.length, COUNT), 0);
          const first = await each.recv(1000);
          if (first) found.push(first, await each.recv(PATIENCE), await each.recv(PATIENCE));
        }
        assert.deepEqual(found.map(({ topic, origin, data }) => [topic, origin, data]), wanted);
        assert.deepEqual([found[0].ts, found[2].ts], [1.5, 4.5]);
        assert.equal(typeof found[1].ts, 'number');
      }
    } finally {
      await detailed.close();
    }
  }));

test('many at once, by for await; the rest stays queued', () =>
  withCluster({}, async ({ receiver, publisher }) => {
    const count = 20_000;
    assert.equal(publisher.publishMany(Array.from({ length: count }, (_, n) => ['n', n])), count);
    publisher.publishMany([['a', 1, 'other'], ['b', 2, null]]);
    let expected = 0;
    for await (const { data } of receiver) {
      assert.equal(data, expected++);
      if (expected === count) break;
    }
    assert.deepEqual((await receiver.recvMany(1, PATIENCE)).map((e) => e.origin), ['other']);
    const [last] = await receiver.recvMany(10, PATIENCE);
    assert.deepEqual([last.topic, last.origin, last.data], ['b', 'p', 2]);
    assert.equal(receiver.stats().lost, 0);
  }));

test('by the event envelope, without blocking the event loop', () =>
  withCluster({}, async ({ receiver, publisher }) => {
    const count = 20_000;
    let turns = 0;
    let taken = 0;
    const clock = setInterval(() => turns++, 1);
    const all = new Promise((resolve) => receiver.on('envelope', () => ++taken === count && resolve()));
    publisher.publishMany(Array.from({ length: count }, (_, n) => ['n', n]));
    await all;
    clearInterval(clock);
    assert.ok(turns > 0);
  }));

test('an endless stream does not starve timers', () =>
  withCluster({}, async ({ receiver, publisher }) => {
    let over = false;
    publisher.publish('n', 0);
    setTimeout(() => (over = true), 20);
    for await (const { data } of receiver) {
      publisher.publishMany(Array.from({ length: 300 }, () => ['n', data + 1]));
      if (over) break;
    }
  }));

test('random bursts: no wake-up is lost', () =>
  withCluster({}, async ({ receiver, publisher }) => {
    const count = 30_000;
    const reader = (async () => {
      for (let n = 0; n < count; n++) assert.equal((await receiver.recv(PATIENCE)).data, n);
    })();
    for (let n = 0; n < count; ) {
      for (let burst = Math.floor(Math.random() ** 4 * 400) + 1; burst > 0 && n < count; burst--) publisher.publish('n', n++);
      await new Promise((resolve) => (n % 3 ? setImmediate(resolve) : setTimeout(resolve, Math.random() * 3)));
    }
    await reader;
  }));

test('thirty receivers wait at once, and files can still be read', () =>
  withCluster({}, async ({ publisher, out }) => {
    const { readFile } = await import('node:fs/promises');
    const receivers = Array.from({ length: 30 }, (_, n) => new Receiver(out, `r${n}`).start());
    try {
      for (const receiver of receivers) await receiver.waitReady(PATIENCE);
      const taken = receivers.map((receiver) => receiver.recv());
      await readFile(new URL(import.meta.url));
      let sent = true;
      const sender = (async () => {
        // Ready receivers may still be unheard of at the publisher.
        while (sent) {
          publisher.publish('t', 'for all');
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })();
      for (const { data } of await Promise.all(taken)) assert.equal(data, 'for all');
      sent = false;
      await sender;
    } finally {
      await Promise.all(receivers.map((receiver) => receiver.close()));
    }
  }));

test('a big payload, and one with details', () =>
  withCluster({ receiver: { details: true } }, async ({ receiver, publisher }) => {
    const big = 'x🦁'.repeat(1 << 20);
    publisher.publish('big', big);
    publisher.publishText('exact', '[123456789012345678901234567890, NaN, -Infinity, "NaN"]');
    assert.equal((await receiver.recv(PATIENCE)).data, big);
    const { data, text, received, lost } = await receiver.recv(PATIENCE);
    assert.equal(text, '[123456789012345678901234567890, NaN, -Infinity, "NaN"]');
    assert.deepEqual(data, [123456789012345678901234567890, NaN, -Infinity, 'NaN']);
    assert.ok(Math.abs(received - Date.now() / 1000) < 120);
    assert.equal(lost, 0);
  }));

test('an unpaired surrogate: kept in data, rejected in topics and origins', () =>
  withCluster({}, async ({ receiver, publisher }) => {
    publisher.publish('t', ['\ud800', '\udc00x']);
    assert.deepEqual((await receiver.recv(PATIENCE)).data, ['\ud800', '\udc00x']);
    const half = { code: 'EUTF8' };
    assert.throws(() => publisher.publish('\ud800', 1), half);
    assert.throws(() => publisher.publish('t', 1, '\udc00'), half);
    assert.throws(() => publisher.publishText('t', '"\ud800"'), half);
    assert.throws(() => publisher.publishMany([['\ud800', 1]]), half);
    assert.throws(() => receiver.subscribe('\ud800'), half);
    assert.equal(publisher.stats().accepted, 1);
  }));

test('topics and origins are filtered', () =>
  withCluster({ receiver: { topics: ['a/'], origins: ['me'] } }, async ({ receiver, publisher }) => {
    publisher.publish('b', 1, 'me');
    publisher.publish('a/b', 2, 'you');
    publisher.publish('a/b', 3, 'me');
    assert.equal((await receiver.recv(PATIENCE)).data, 3);
    receiver.unsubscribe('a/');
    assert.throws(() => receiver.unsubscribe('a/'), { code: 'EINVAL' });
  }));

test('a node: publish, recv, and its loop', () =>
  withCluster({ receiver: { topics: ['RAW/'] } }, async ({ receiver, publisher, into, out }) => {
    const { Publisher } = await import('hermes-zmq');
    const ear = new Receiver(out, 'ear', { topics: ['in'], options: { on_slow: 'ignore' } });
    const mouth = new Publisher(into, 'mouth');
    const node = new Node('relay', { receiver: ear, publisher: mouth }).start();
    try {
      await node.waitReady(PATIENCE);
      const running = node.run();
      await eventually(async () => {
        publisher.publishText('in', '[NaN, 123456789012345678901234567890]');
        const envelope = await receiver.recv(100);
        if (!envelope) return false;
        assert.deepEqual([envelope.topic, envelope.origin], ['RAW/relay', 'relay']);
        assert.deepEqual(envelope.data, [NaN, 123456789012345678901234567890]);
        return true;
      }, 'the relay works');
      node.publish('RAW', 'last');
      await eventually(async () => (await receiver.recv(PATIENCE)).data === 'last');
      await node.stop(PATIENCE);
      await running;
      assert.equal(ear.state, 'stopped');
      const deaf = new Node('deaf', { publisher: mouth });
      await assert.rejects(deaf.recv(0), { code: 'ENOTSUP' });
      await deaf.close();
    } finally {
      await Promise.all([node.close(), ear.close(), mouth.close()]);
    }
  }));

test('from a worker thread', () =>
  withCluster({}, async ({ receiver, into, out }) => {
    const source = `
      const { Publisher, Receiver } = require(${JSON.stringify(createRequire(import.meta.url).resolve('hermes-zmq'))});
      const publisher = new Publisher(${JSON.stringify(into)}, 'worker').start();
      const ear = new Receiver(${JSON.stringify(out)}, 'ear').start();
      (async () => {
        await ear.waitReady(); await publisher.waitReady();
        publisher.publish('t', 'from a worker');
        await ear.recv();
        await publisher.close(); await ear.close();
      })();`;
    const worker = new Worker(source, { eval: true });
    const end = new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
    assert.equal((await receiver.recv(PATIENCE)).data, 'from a worker');
    assert.equal(await end, 0);
  }));

test('import and require give the same classes', async () => {
  const required = createRequire(import.meta.url)('hermes-zmq');
  assert.equal(required.Receiver, Receiver);
  assert.match(version(), /^2\./);
});
