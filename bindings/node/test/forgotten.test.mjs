// Components that nothing refers to any more, and very many of them.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import test from 'node:test';
import { PostOffice, Publisher, Receiver } from 'hermes-zmq';
import { eventually, PATIENCE, script, withCluster } from './support.mjs';

const HELPERS = `
  import { readdirSync } from 'node:fs';
  import { Node, PostOffice, Publisher, Receiver } from 'hermes-zmq';
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const collect = async (rounds) => {
    for (let n = 0; n < rounds; n++) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const until = async (question) => {
    const end = Date.now() + ${PATIENCE};
    while (!question() && Date.now() < end) await collect(1);
    return question();
  };
`;

async function says(source, expected) {
  const { code, signal, out, err } = await script(HELPERS + source, { args: ['--expose-gc'] });
  assert.deepEqual({ code, signal, out }, { code: 0, signal: null, out: expected }, err);
}

test('a started component works although nothing refers to it, until it is stopped', () =>
  says(
    `
    let seen = 0;
    const ends = (() => new PostOffice('tcp://127.0.0.1:*', 'tcp://127.0.0.1:*').start().endpoints)();
    (() => new Receiver(ends.out, 'r', { options: { on_slow: 'ignore' } }).on('envelope', () => seen++).start())();
    const settled = (() => new Receiver('@tcp://127.0.0.1:*', 'bound').start().get('endpoint'))();
    (() => new Node('n', { publisher: new Publisher(settled, 'p') }).start())();
    await collect(50);
    const publisher = new Publisher(ends.in, 'p').start();
    await publisher.waitReady();
    publisher.publish('t', 1);
    const relayed = await until(() => seen > 0);
    const direct = new Publisher(settled, 'q').start();
    await direct.waitReady(); // the forgotten receiver answers
    console.log(relayed);
    process.exit(0);
    `,
    'true\n',
  ));

test('a component that was never started, or has stopped, is closed by the garbage collector', () =>
  says(
    `
    const office = new PostOffice('tcp://127.0.0.1:*', 'tcp://127.0.0.1:*').start();
    const { in: into, out } = office.endpoints;
    const one = async (address) => {
      const receiver = new Receiver(address, 'r').start();
      await receiver.recv(1);
      await receiver.stop();
      new Receiver(address, 'never started').on('envelope', () => undefined);
    };
    await one(out);
    const before = descriptors();
    for (let n = 0; n < 50; n++) await one(out);
    console.log(descriptors() > before + 40, await until(() => descriptors() <= before + 5));
    await office.close();
    `,
    'true true\n',
  ));

test('a receiver that has stopped by itself is no longer kept', () =>
  says(
    `
    const publisher = new Publisher('@tcp://127.0.0.1:*', 'p', { 'queue.full': 'drop_old' }).start();
    const finished = new FinalizationRegistry(() => console.log('collected'));
    await (async () => {
      const receiver = new Receiver(publisher.get('endpoint'), 'r', { options: { timeout: '1ms' } });
      finished.register(receiver, undefined);
      receiver.start();
      const clock = setInterval(() => {
        publisher.publishMany(Array.from({ length: 2000 }, () => ['t', 'x'.repeat(1000)]));
      }, 5);
      for await (const _ of receiver);
      clearInterval(clock);
    })();
    await collect(20);
    await publisher.stop(0).catch(() => undefined);
    process.exit(0);
    `,
    'collected\n',
  ));

test('three hundred receivers, collected as garbage or closed at once', async () => {
  await says(
    `
    const office = new PostOffice('tcp://127.0.0.1:*', 'tcp://127.0.0.1:*').start();
    const make = (n) => new Receiver(office.endpoints.out, 'r' + n);
    const before = descriptors();
    await (async () => {
      const many = Array.from({ length: 300 }, (_, n) => make(n).start());
      await Promise.all(many.map((one) => one.recv(1)));
      await Promise.all(many.map((one) => one.stop()));
    })();
    console.log(await until(() => descriptors() <= before + 20));
    const many = Array.from({ length: 300 }, (_, n) => make(n).start());
    await Promise.all(many.map((one) => one.close()));
    console.log(descriptors() <= before + 20);
    await office.close();
    `,
    'true\ntrue\n',
  );
});

test('three hundred publishers that cannot flush are closed at once, beside the files of Node', async () => {
  const { readFile } = await import('node:fs/promises');
  const before = readdirSync('/proc/self/fd').length;
  const publishers = Array.from({ length: 300 }, (_, n) => {
    const publisher = new Publisher('tcp://127.0.0.1:1', `p${n}`, { 'ready.hold': '1h', linger: '300ms' }).start();
    publisher.publish('t', n);
    return publisher;
  });
  const closed = Promise.all(publishers.map((publisher) => publisher.close()));
  assert.equal(publishers[0].close(), publishers[0].close());
  await readFile(new URL(import.meta.url)); // which needs a thread of the pool
  await closed;
  await eventually(() => readdirSync('/proc/self/fd').length <= before + 5, 'descriptors are closed');
});

test('closing waits until the address is free', async () => {
  const office = new PostOffice('tcp://127.0.0.1:*', 'tcp://127.0.0.1:*').start();
  const { in: into, out } = office.endpoints;
  let last = office;
  for (let n = 0; n < 10; n++) {
    await last.close();
    last = new PostOffice(into, out).start();
  }
  await last.close();
});

test('a second stop with a shorter timeout, and a start after a stop', () =>
  withCluster({}, async ({ receiver }) => {
    const publisher = new Publisher('tcp://127.0.0.1:1', 'p', { 'ready.hold': '1h' }).start();
    publisher.publish('t', 1);
    const slow = publisher.stop(600_000);
    const quick = publisher.stop(10);
    const givesUp = ({ code, message }) => code === 'ETIMEOUT' && message.includes('1 envelopes');
    await Promise.all([slow, quick].map((stop) => assert.rejects(stop, givesUp))); // in whichever order
    await publisher.stop(); // it has stopped, so this has nothing to give up
    await publisher.close();
    for (let n = 0; n < 50; n++) {
      await receiver.stop();
      await receiver.stop();
      receiver.start();
      assert.equal(receiver.state, 'running');
    }
  }));
