// Workers that end under traffic; the process must go on.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { PostOffice } from 'hermes-zmq';
import { eventually, withCluster } from './support.mjs';

const PACKAGE = JSON.stringify(createRequire(import.meta.url).resolve('hermes-zmq'));

/** What a worker does, with a receiver r and a publisher p, until it is terminated. */
const TRAFFIC = {
  'for await': 'for await (const e of r) tell();',
  'for await with details': 'r.takeDetails(true); for await (const e of r) tell();',
  'listening': "r.on('envelope', tell);",
  'recvMany and publish': 'for (;;) { for (const e of await r.recvMany(100)) { tell(); p.publishMany([["u", 1], ["u", 2]]); } }',
  'counters and options': 'for (;;) { r.stats(); r.get("address"); p.publish("u", p.state); await r.recv(1); tell(); }',
};

const program = (into, out, work) => `
  const { Node, PostOffice, Publisher, Receiver } = require(${PACKAGE});
  const { parentPort } = require('node:worker_threads');
  const r = new Receiver(${JSON.stringify(out)}, 'in a worker', { options: { on_slow: 'ignore' } }).start();
  const p = new Publisher(${JSON.stringify(into)}, 'in a worker', { 'queue.full': 'drop_old' }).start();
  let told = 0;
  const tell = () => { if (++told === 300) parentPort.postMessage('in the midst'); };
  (async () => { ${work} })();
`;

function pump(publisher) {
  return setInterval(() => publisher.publishMany(Array.from({ length: 200 }, (_, n) => ['t', [n, 'x'.repeat(50)]])), 1);
}

for (const [name, work] of Object.entries(TRAFFIC)) {
  test(`a worker is terminated under traffic: ${name}`, () =>
    withCluster({ publisher: { 'queue.full': 'drop_old' } }, async ({ office, publisher, into, out }) => {
      const flood = pump(publisher);
      try {
        for (let round = 0; round < 15; round++) {
          const worker = new Worker(program(into, out, work), { eval: true });
          const ended = new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
          await Promise.race([ended, new Promise((resolve) => worker.once('message', resolve))]);
          await worker.terminate();
          await ended;
        }
      } finally {
        clearInterval(flood);
      }
      // What the workers had is closed with them: the cluster's own are left.
      await eventually(() => office.stats().subscribers.length === 1, 'their receivers are closed');
      await eventually(() => office.stats().publishers.length === 1, 'their publishers are closed');
    }));
}

test('a worker that exits under traffic, and one that returns', () =>
  withCluster({ publisher: { 'queue.full': 'drop_old' } }, async ({ office, publisher, into, out }) => {
    const flood = pump(publisher);
    try {
      for (let round = 0; round < 15; round++) {
        const exit = 'let n = 0; for await (const e of r) if (++n === 500) process.exit(7);';
        const stop = 'let n = 0; for await (const e of r) if (++n === 500) break;';
        const worker = new Worker(program(into, out, round % 2 ? exit : stop), { eval: true });
        const code = await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
        assert.equal(code, round % 2 ? 7 : 0);
      }
    } finally {
      clearInterval(flood);
    }
    await eventually(() => office.stats().subscribers.length === 1, 'their receivers are closed');
    await eventually(() => office.stats().publishers.length === 1, 'their publishers are closed');
  }));

test('a worker is terminated while it closes, and its addresses are free again', async () => {
  const source = `
    const { PostOffice, Receiver } = require(${PACKAGE});
    const { parentPort } = require('node:worker_threads');
    const office = new PostOffice('tcp://127.0.0.1:*', 'tcp://127.0.0.1:*').start();
    const many = Array.from({ length: 30 }, () => new Receiver(office.endpoints.out, 'r').start());
    parentPort.postMessage(office.endpoints);
    for (const one of many) one.close();
    setInterval(() => undefined, 1000);
  `;
  for (let round = 0; round < 15; round++) {
    const worker = new Worker(source, { eval: true });
    const endpoints = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
    let office;
    await eventually(() => {
      try {
        office = new PostOffice(endpoints.in, endpoints.out).start();
      } catch (error) {
        assert.equal(error.code, 'EADDRINUSE');
      }
      return office;
    }, 'the office of the worker is closed');
    await office.close();
  }
});
