// Errors, stopping and closing, and leaks.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { codes, HermesError, Node, PostOffice, Publisher, Receiver, strerror } from 'hermes-zmq';
import { eventually, PATIENCE, ROOT, run, script, withCluster } from './support.mjs';

const NOWHERE = 'tcp://127.0.0.1:1';

test('loops of calls that need not wait yield to the event loop', () =>
  withCluster({ publisher: { 'queue.messages': 10_000 } }, async ({ receiver, publisher }) => {
    const count = 5000;
    const turnsDuring = async (call) => {
      let turns = 0;
      const clock = setInterval(() => turns++, 0);
      for (let n = 0; n < count; n++) await call(n);
      clearInterval(clock);
      return turns;
    };
    assert.ok((await turnsDuring((n) => publisher.publishAsync('t', n))) > 3);
    await eventually(() => receiver.stats().arrived === count);
    const seen = [];
    assert.ok((await turnsDuring(async () => seen.push(await receiver.recv(0)))) > 3);
    assert.deepEqual(seen.map(({ data }) => data), Array.from({ length: count }, (_, n) => n));
    assert.ok((await turnsDuring(() => receiver.recvMany(5, 0))) > 3);
    assert.ok((await turnsDuring(() => publisher.nextEvent(0))) > 3);
  }));

test('receiving goes on when no descriptor is left', async () => {
  const source = `
    import fs from 'node:fs';
    import { PostOffice, Publisher, Receiver } from 'hermes-zmq';
    const office = new PostOffice('tcp://127.0.0.1:*', 'tcp://127.0.0.1:*').start();
    const make = (name) => new Receiver(office.endpoints.out, name, { options: { on_slow: 'ignore' } }).start();
    const [waited, heard, looped] = ['waited', 'heard', 'looped'].map(make);
    const publisher = new Publisher(office.endpoints.in, 'p').start();
    for (const component of [waited, heard, looped, publisher]) await component.waitReady();
    const taken = [];
    try {
      for (;;) taken.push(fs.openSync('/dev/null'));
    } catch (error) {
      console.log(error.code);
    }
    const first = waited.recv();
    const told = new Promise((resolve) => heard.on('envelope', ({ data }) => data === 99 && resolve(data)));
    const sum = (async () => {
      let all = 0;
      for await (const { data } of looped) if ((all += data) === 4950) return all;
    })();
    for (let n = 0; n < 100; n++) publisher.publish('t', n);
    console.log((await first).data, await told, await sum);
    for (const fd of taken) fs.closeSync(fd);
    const next = looped.recv();
    publisher.publish('t', 7);
    console.log((await waited.recv()).data, (await next).data);
    await Promise.all([waited, heard, looped, publisher].map((component) => component.close()));
    await office.close();
  `;
  const shell = `ulimit -n 80; exec "${process.execPath}" --input-type=module -e "$SOURCE"`;
  const how = { cwd: new URL('..', import.meta.url), env: { ...process.env, SOURCE: source } };
  const { code, out, err } = await run('bash', ['-c', shell], undefined, how);
  assert.deepEqual({ code, out }, { code: 0, out: 'EMFILE\n0 99 4950\n1 7\n' }, err);
});

test('every code of the header has its name', () => {
  const header = readFileSync(path.join(ROOT, 'include/hermes.h'), 'utf8');
  const defined = [...header.matchAll(/#define HERMES_(E[A-Z0-9]+) \((-\d+)\)/g)].map(([, name, n]) => [name, Number(n)]);
  assert.ok(defined.length >= 18);
  assert.deepEqual(Object.fromEntries(defined), codes);
  for (const [name, errno] of defined) {
    assert.equal(new HermesError(errno, '').code, name);
    assert.equal(new HermesError(name, '').errno, errno);
    assert.notEqual(strerror(errno), strerror(-9999));
  }
  assert.equal(new HermesError(-9999, '').code, 'E-9999');
});

test('errors name the object and the cause', () =>
  withCluster({}, async ({ office, receiver, publisher, into }) => {
    const fails = (code, says, call) =>
      assert.throws(call, (error) => {
        assert.ok(error instanceof HermesError);
        assert.deepEqual([error.code, error.errno], [code, codes[code]]);
        assert.ok(error.message.includes(says), error.message);
        return true;
      });
    fails('EINVAL', '', () => new Publisher(NOWHERE, ''));
    fails('EINVAL', 'NUL', () => new Publisher(NOWHERE, 'a\0b'));
    fails('EINVAL', 'not a string', () => new Publisher(NOWHERE, 42));
    fails('EADDRESS', 'nonsense', () => new Receiver('nonsense', 'r').start());
    fails('EADDRINUSE', '127.0.0.1', () => new PostOffice(into, 'tcp://127.0.0.1:*').start());
    fails('EOPTION', 'queue.mesages', () => publisher.set('queue.mesages', 1));
    fails('EOPTION', 'no.such', () => receiver.get('no.such'));
    fails('EOPTION', 'sequense', () => new Publisher(NOWHERE, 'p', { sequense: true }));
    fails('ESTATE', '', () => office.start());
    fails('ESTATE', '', () => new Publisher(NOWHERE, 'p').publish('t', 1));
    fails('EJSON', 'undefined', () => publisher.publish('t', undefined));
    fails('EJSON', 'BigInt', () => publisher.publish('t', 1n));
    fails('EJSON', '{nonsense', () => publisher.publishText('t', '{nonsense'));
    fails('EJSON', 'undefined', () => publisher.publishMany([['t', 1], ['t', undefined]]));
    fails('ETOOBIG', 'message.bytes', () => {
      const small = new Publisher(NOWHERE, 'p', { 'message.bytes': 1000 }).start();
      small.publish('t', 'x'.repeat(2000));
    });
    await assert.rejects(new Receiver(NOWHERE, 'r').recv(), { code: 'ESTATE' });
    await assert.rejects(receiver.recvMany(0), { code: 'EINVAL' });
    await assert.rejects(receiver.recv(NaN), { code: 'EINVAL' });
    await assert.rejects(receiver.wait(20), { code: 'ETIMEOUT' });
    await assert.rejects(new Receiver(NOWHERE, 'r').start().waitReady(20), { code: 'ETIMEOUT' });
    assert.equal(await receiver.recv(0), null);
    assert.equal(await receiver.recv(20), null);
    assert.deepEqual(await receiver.recvMany(5, 20), []);
    assert.equal(publisher.stats().accepted, 0);
  }));

test('on a full queue publish throws at once, and publishAsync waits without loss', async () => {
  const office = new PostOffice('tcp://127.0.0.1:*', 'tcp://127.0.0.1:*').start();
  const publisher = new Publisher(office.endpoints.in, 'p', { 'queue.messages': 2, 'ready.hold': '1h' }).start();
  const receiver = new Receiver(office.endpoints.out, 'r', { options: { on_slow: 'ignore' } });
  try {
    publisher.publishMany([['t', 0], ['t', 1]]);
    assert.throws(() => publisher.publish('t', 'lost'), { code: 'EFULL' });
    assert.throws(() => publisher.publishMany([['t', 'lost']]), { code: 'EFULL', count: 0 });
    const before = publisher.stats().dropped_full;
    await assert.rejects(publisher.publishAsync('t', 'lost', { timeout: 30 }), { code: 'EFULL' });
    assert.equal(publisher.stats().dropped_full, before + 1);
    const waiting = Array.from({ length: 100 }, (_, n) => publisher.publishAsync('t', n + 2, { timeout: PATIENCE }));
    receiver.start();
    for (let n = 0; n < 102; n++) assert.equal((await receiver.recv(PATIENCE)).data, n);
    await Promise.all(waiting);
    assert.equal(publisher.stats().dropped_full, before + 1);
  } finally {
    await Promise.all([publisher.close(), receiver.close()]);
    await office.close();
  }
});

test('a stop that times out says how many envelopes were dropped', async () => {
  const publisher = new Publisher(NOWHERE, 'p', { 'ready.hold': '1h' }).start();
  publisher.publishMany([['t', 0], ['t', 1]]);
  await assert.rejects(publisher.stop(0), ({ code, message }) => code === 'ETIMEOUT' && message.includes('2 envelopes'));
  assert.equal(publisher.state, 'stopped');
  await publisher.close();
});

test('stop and close wake waiting calls', () =>
  withCluster({}, async ({ receiver, out }) => {
    const stopped = (wait) => assert.rejects(wait, { code: 'ESTOPPED' }); // looks out from now on
    const waiting = [receiver.recv(), receiver.recvMany(5), receiver.recv(PATIENCE)].map(stopped);
    const loop = (async () => {
      for await (const envelope of receiver) assert.fail(envelope);
    })();
    await receiver.stop();
    await Promise.all(waiting);
    await loop;
    await assert.rejects(receiver.recv(), { code: 'ESTOPPED' });

    const other = new Receiver(out, 'other').start();
    const closed = [other.recv(), other.recv(PATIENCE)].map(stopped);
    const closing = other.close();
    assert.equal(other.close(), closing);
    await Promise.all(closed);
    await closing;
    await other.close();
    await assert.rejects(other.recv(), { code: 'EBADHANDLE' });
    assert.throws(() => other.start(), { code: 'EBADHANDLE' });
    assert.throws(() => other.state, { code: 'EBADHANDLE' });
  }));

test('closing under traffic', () =>
  withCluster({}, async ({ receiver, publisher }) => {
    let seen = 0;
    receiver.on('envelope', () => {
      if (++seen === 1000) void receiver.close();
    });
    for (let n = 0; n < 50; n++) publisher.publishMany(Array.from({ length: 1000 }, (_, i) => ['t', i]));
    await eventually(() => seen >= 1000);
    await receiver.close();
    assert.equal(seen, 1000);
  }));

test('closing in the body of a loop ends the loop, and a loop over what is closed throws', () =>
  withCluster({}, async ({ receiver, publisher, into, out }) => {
    publisher.publishMany(Array.from({ length: 1000 }, (_, n) => ['t', n]));
    await eventually(() => receiver.stats().arrived === 1000);
    let seen = 0;
    for await (const { data } of receiver) {
      assert.equal(data, seen++);
      if (seen === 10) await receiver.close();
    }
    assert.equal(seen, 10);
    await assert.rejects(async () => {
      for await (const envelope of receiver) assert.fail(envelope);
    }, { code: 'EBADHANDLE' });

    const ear = new Receiver(out, 'ear', { options: { on_slow: 'ignore' } });
    const mouth = new Publisher(into, 'mouth');
    const node = new Node('n', { receiver: ear, publisher: mouth }).start();
    await node.waitReady(PATIENCE);
    // Its subscription may arrive after it is connected, so once is not enough.
    const saying = setInterval(() => publisher.publish('t', 'for the node'), 5);
    for await (const { data } of node) {
      clearInterval(saying);
      assert.equal(data, 'for the node');
      void ear.close(); // and does not wait for it
    }
    await Promise.all([node.close(), ear.close(), mouth.close()]);
  }));

test('a node that is closed while its loop runs ends it', () =>
  withCluster({}, async ({ publisher, into, out }) => {
    for (let round = 0; round < 20; round++) {
      const ear = new Receiver(out, 'ear', { topics: ['in'], options: { on_slow: 'ignore' } });
      const mouth = new Publisher(into, 'mouth');
      const node = new Node('n', { receiver: ear, publisher: mouth }).start();
      await node.waitReady(PATIENCE);
      const running = node.run();
      const flood = Array.from({ length: 500 }, (_, n) => ['in', n]);
      // Its subscription may arrive after it is connected, so once is not enough.
      await eventually(() => publisher.publishMany(flood) && ear.stats().delivered > 0);
      await (round % 2 ? node.stop(0).catch(() => undefined) : node.close());
      await Promise.all([node.close(), ear.close(), mouth.close()]);
      await running;
    }
  }));

test('received envelopes can be taken after the stop, and a start begins again', () =>
  withCluster({}, async ({ receiver, publisher }) => {
    publisher.publishMany(Array.from({ length: 1000 }, (_, n) => ['t', n]));
    await eventually(() => receiver.stats().arrived === 1000);
    await receiver.stop();
    let expected = 0;
    for await (const { data } of receiver) assert.equal(data, expected++);
    assert.equal(expected, 1000);
    receiver.start();
    await receiver.waitReady(PATIENCE);
    await publisher.waitReady(PATIENCE);
    publisher.publish('t', 'again');
    assert.equal((await receiver.recv(PATIENCE)).data, 'again');
  }));

test('event and stopped', () =>
  withCluster({}, async ({ office, receiver, publisher }) => {
    const kinds = new Set();
    const ends = [];
    publisher.on('event', ({ kind, level, text }) => {
      assert.ok(level && text);
      kinds.add(kind);
    });
    office.on('event', ({ kind }) => kinds.add(`office ${kind}`));
    for (const component of [publisher, receiver]) component.on('stopped', (reason) => ends.push([component.name, reason]));
    await eventually(() => kinds.has('connected') && kinds.has('office connected'));
    await publisher.stop();
    assert.ok(kinds.has('stopped'));
    await receiver.stop();
    assert.deepEqual(ends, [['p', 'stop'], ['r', 'stop']]);
    assert.equal((await office.nextEvent(PATIENCE)).kind, 'disconnected');
    assert.equal(await receiver.nextEvent(PATIENCE).then((event) => typeof event.ts), 'number');
  }));

test('a receiver that stops by itself says why', () =>
  withCluster({ receiver: { options: { on_slow: 'stop', timeout: 1 } }, publisher: { 'ready.hold': '1h' } }, async ({ office, into }) => {
    const receiver = new Receiver(office.endpoints.out, 'slow', { options: { timeout: '1ms' } });
    const publisher = new Publisher(into, 'hasty', { 'ready.hold': '1h' }).start();
    try {
      const end = new Promise((resolve) => receiver.on('stopped', resolve));
      receiver.start();
      const loop = (async () => {
        for await (const _ of receiver);
      })();
      const clock = setInterval(() => {
        if (publisher.state === 'running') publisher.publishMany(Array.from({ length: 20_000 }, () => ['t', 'x'.repeat(50)]));
      }, 5);
      assert.ok((await end).length > 0);
      clearInterval(clock);
      await loop;
      assert.notEqual(receiver.stopReason, '');
    } finally {
      await publisher.stop(0).catch(() => undefined);
      await Promise.all([publisher.close(), receiver.close()]);
    }
  }));

test('a listener that throws is an uncaught exception, and the next envelope comes', async () => {
  const { code, out, err } = await script(`
    import { PostOffice, Publisher, Receiver } from 'hermes-zmq';
    process.on('uncaughtException', (error) => console.log(error.message));
    const office = new PostOffice('tcp://127.0.0.1:*', 'tcp://127.0.0.1:*').start();
    const receiver = new Receiver(office.endpoints.out, 'r', { options: { on_slow: 'ignore' } }).start();
    const publisher = new Publisher(office.endpoints.in, 'p').start();
    receiver.on('envelope', async ({ data }) => {
      if (data === 3) await Promise.all([publisher.close(), receiver.close(), office.close()]);
    });
    receiver.prependListener('envelope', ({ data }) => {
      if (data < 3) throw new Error('no ' + data);
    });
    await publisher.waitReady();
    publisher.publishMany([['t', 1], ['t', 2], ['t', 3]]);
  `);
  assert.deepEqual({ code, out }, { code: 0, out: 'no 1\nno 2\n' }, err);
});

const BEGIN = `
  import { PostOffice, Publisher, Receiver } from 'hermes-zmq';
  const receiver = new Receiver('${NOWHERE}', 'r').start();
`;

test('a process ends when no call waits', async () => {
  for (const end of [
    'new Publisher("tcp://127.0.0.1:1", "p").start();',
    'receiver.on("event", console.log).on("stopped", console.log);',
    'receiver.unref().on("envelope", console.log);',
    'receiver.on("envelope", console.log).unref();',
    'receiver.recv(); receiver.unref();',
    'await receiver.recv(50);',
    'receiver.recv().catch(() => undefined); setTimeout(() => receiver.close(), 50);',
    'receiver.on("envelope", console.log); setTimeout(() => receiver.removeAllListeners("envelope"), 50);',
    'new PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*").start().unref();',
    'const office = new PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*").start(); setTimeout(() => office.stop(), 50);',
    'receiver.recv(); process.exit(0);',
  ]) {
    const { code, signal, out, err } = await script(BEGIN + end);
    assert.deepEqual({ code, signal, out }, { code: 0, signal: null, out: '' }, `${end}\n${err}`);
  }
});

test('a process stays while a call waits', async () => {
  for (const wait of [
    'receiver.recv();',
    'receiver.on("envelope", console.log);',
    'receiver.unref().ref().on("envelope", console.log);',
    'new PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*").start();',
  ]) {
    const still = 'setTimeout(() => { console.log("still here"); process.exit(3); }, 300).unref();';
    const { code, out, err } = await script(BEGIN + wait + still);
    assert.deepEqual({ code, out }, { code: 3, out: 'still here\n' }, `${wait}\n${err}`);
  }
});

test('envelopes published right before the process ends arrive', () =>
  withCluster({}, async ({ receiver, into }) => {
    const { code, err } = await script(`
      import { Publisher } from 'hermes-zmq';
      new Publisher('${into}', 'p').start().publish('t', 'good bye');
    `);
    assert.equal(code, 0, err);
    assert.equal((await receiver.recv(PATIENCE)).data, 'good bye');
  }));

test('a hundred clusters leave no descriptor, no thread and no memory behind', async () => {
  const entries = (folder) => readdirSync(folder).length;
  const cycle = () =>
    withCluster({}, async ({ receiver, publisher }) => {
      const node = new Node('n', { receiver, publisher });
      receiver.on('stopped', () => undefined).on('event', () => undefined);
      publisher.publish('t', 'x'.repeat(1000));
      await receiver.recv(PATIENCE);
      await node.close();
    });
  for (let n = 0; n < 20; n++) await cycle();
  const before = { fds: entries('/proc/self/fd'), threads: entries('/proc/self/task') };
  for (let n = 0; n < 100; n++) await cycle();
  await eventually(() => entries('/proc/self/fd') <= before.fds, 'descriptors are closed');
  // Threads of the Go runtime come when calls block, and stay to be used again.
  assert.ok(entries('/proc/self/task') <= before.threads + 10);
});

test('texts returned by the library are freed', () =>
  withCluster({}, async ({ receiver, publisher }) => {
    const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
    const big = 'x'.repeat(1 << 20);
    const round = async (count) => {
      for (let n = 0; n < count; n++) {
        publisher.publish('t', big);
        assert.equal((await receiver.recv(PATIENCE)).data.length, big.length);
        publisher.stats();
      }
    };
    await round(50);
    const before = resident();
    await round(300); // 300 MB, if it were not freed
    assert.ok(resident() < before + 200, `${before} MB before, ${resident()} MB now`);
  }));

test('the error for a library that cannot be loaded names it', async () => {
  const load = "import { version } from 'hermes-zmq'; try { version(); } catch (e) { console.log(e.name, e.message); }";
  const missing = await script(load, { env: { ...process.env, HERMES_LIBRARY: '/nowhere/libhermes.so.2' } });
  assert.match(missing.out, /^LoadError libhermes cannot be loaded; tried .*\/nowhere\/libhermes\.so\.2.*HERMES_LIBRARY/);
  const wrong = await script(load, { env: { ...process.env, HERMES_LIBRARY: 'libc.so.6' } });
  assert.match(wrong.out, /^LoadError .*libc\.so\.6: not a hermes library/);
});
