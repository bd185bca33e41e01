// Invalid arguments throw EINVAL, in the call that got them.
import assert from 'node:assert/strict';
import test from 'node:test';
import { HermesError, Node, PostOffice, Publisher, Receiver, strerror } from 'hermes-zmq';
import { PATIENCE, withCluster } from './support.mjs';

const NOWHERE = 'tcp://127.0.0.1:1';
const invalid = (call, says = '') =>
  assert.throws(call, (error) => {
    assert.ok(error instanceof HermesError, `${call}: ${error}`);
    assert.equal(error.code, 'EINVAL', `${call}: ${error}`);
    assert.ok(error.message.includes(says), `${call}: ${error.message}`);
    return true;
  });
const rejects = (call) => assert.rejects(call, { code: 'EINVAL' }, String(call));

const NO_TEXTS = [undefined, null, 3, true, {}, [], () => 't', Symbol('t'), 10n];

test('arguments that must be numbers', () =>
  withCluster({}, async ({ receiver, publisher, office }) => {
    for (const max of ['3', 0, -1, 1.5, NaN, null, undefined, {}, [2], true, 3n]) await rejects(() => receiver.recvMany(max));
    for (const timeout of ['abc', '3', NaN, null, {}, [], true, 3n]) {
      await rejects(() => receiver.recv(timeout));
      await rejects(() => receiver.recvMany(1, timeout));
      await rejects(() => receiver.wait(timeout));
      await rejects(() => receiver.waitReady(timeout));
      await rejects(() => receiver.nextEvent(timeout));
      await rejects(() => publisher.stop(timeout));
      await rejects(() => new Node('n', { receiver }).recv(timeout));
      if (timeout !== null) await rejects(() => publisher.publishAsync('t', 1, { timeout }));
      invalid(() => strerror(timeout));
    }
    assert.deepEqual([publisher.state, office.state], ['running', 'running']);
    publisher.publishMany([['t', 1], ['t', 2]]);
    let taken = 0;
    while (taken < 2) taken += (await receiver.recvMany(Infinity, PATIENCE)).length;
  }));

test('arguments that must be strings', () =>
  withCluster({}, async ({ receiver, publisher }) => {
    const node = new Node('n', { receiver, publisher });
    for (const no of NO_TEXTS) {
      invalid(() => new Publisher(no, 'p'));
      invalid(() => new Publisher(NOWHERE, no));
      invalid(() => new Receiver(no, 'r'));
      invalid(() => new Receiver(NOWHERE, no));
      invalid(() => new PostOffice(no, NOWHERE));
      invalid(() => new PostOffice(NOWHERE, no));
      if (no !== undefined) invalid(() => new PostOffice(NOWHERE, NOWHERE, { debug: no }));
      invalid(() => new Node(no, {}));
      for (const call of ['subscribe', 'unsubscribe', 'accept']) invalid(() => receiver[call](no));
      invalid(() => publisher.publish(no, 1));
      invalid(() => publisher.publishText(no, '1'));
      invalid(() => publisher.publishText('t', no));
      invalid(() => publisher.publishMany([['t', 1], [no, 1]]));
      invalid(() => node.publish(no, 1));
      invalid(() => node.publishText('t', no));
      await rejects(() => publisher.publishAsync(no, 1));
      invalid(() => publisher.get(no));
      invalid(() => publisher.set(no, 1));
      if (no == null) continue;
      invalid(() => publisher.publish('t', 1, no));
      invalid(() => publisher.publishMany([['t', 1, no]]));
      await rejects(() => publisher.publishAsync('t', 1, { origin: no }));
      if (!Array.isArray(no)) invalid(() => new Receiver(NOWHERE, 'r', { topics: no }));
      invalid(() => new Receiver(NOWHERE, 'r', { origins: [no] }));
      invalid(() => new Node('n', { receiver: no }));
      invalid(() => new Node('n', { publisher: no }));
    }
    invalid(() => new Node('n', { receiver: publisher }));
    assert.equal(publisher.stats().accepted, 0);
    await node.close();
  }));

test('NUL in an argument that becomes a C string', async () => {
  const publisher = new Publisher(NOWHERE, 'p');
  for (const call of [
    () => new Publisher('tcp://127.0.0.1:1\0', 'p'),
    () => new Publisher(NOWHERE, 'p\0'),
    () => new Receiver('\0', 'r'),
    () => new Receiver(NOWHERE, '\0r'),
    () => new PostOffice('tcp://127.0.0.1:*\0', 'tcp://127.0.0.1:*'),
    () => new PostOffice('tcp://127.0.0.1:*', 'tcp://127.0.0.1:*', { debug: 'ipc://\0' }),
    () => new Node('n\0', {}),
    () => publisher.set('queue.full\0', 'block'),
    () => publisher.set('queue.full', 'block\0drop_old'),
    () => publisher.get('queue.full\0'),
    () => new Publisher(NOWHERE, 'p', { 'queue.full': '\0' }),
  ]) {
    invalid(call, 'NUL');
  }
  await publisher.close();
});

test('errors do not show the value of an option, which may be a secret key', async () => {
  const publisher = new Publisher(NOWHERE, 'p');
  for (const bad of ['\0', '\ud800']) {
    assert.throws(
      () => publisher.set('curve.secret', `secret${bad}`),
      ({ message }) => message.includes('curve.secret') && !message.includes(`secret${bad}`) && !message.includes(': '),
    );
  }
  await publisher.close();
});

test('set accepts strings, numbers and booleans only', async () => {
  const publisher = new Publisher(NOWHERE, 'p');
  for (const no of [undefined, null, NaN, Infinity, -Infinity, {}, [], [1], () => 1, Symbol('x'), 10n, new Date()]) {
    invalid(() => publisher.set('queue.messages', no), 'queue.messages');
    invalid(() => new Publisher(NOWHERE, 'p', { 'queue.messages': no }), 'queue.messages');
  }
  for (const no of [-1, 1.5, 1e300, '', ' ', '7 messages', true]) {
    assert.throws(() => publisher.set('queue.messages', no), { code: 'EOPTION' }, String(no));
  }
  assert.equal(publisher.set('queue.messages', 7).get('queue.messages'), '7');
  assert.equal(publisher.set('queue.block', 1500).get('queue.block'), '1.5s');
  assert.equal(publisher.set('sequence', false).get('sequence'), 'off');
  await publisher.close();
});

test('options that are not an object', async () => {
  const publisher = new Publisher(NOWHERE, 'p');
  for (const no of [null, 3, 'x', true, [], ['a'], () => 1, Symbol('x'), 10n]) {
    invalid(() => new Publisher(NOWHERE, 'p', no), 'options');
    invalid(() => new Receiver(NOWHERE, 'r', no), 'options');
    invalid(() => new Receiver(NOWHERE, 'r', { options: no }), 'options');
    invalid(() => new PostOffice(NOWHERE, NOWHERE, no), 'options');
    invalid(() => new PostOffice(NOWHERE, NOWHERE, { options: no }), 'options');
    invalid(() => new Node('n', no), 'options of a node');
    invalid(() => new Node('n', { options: no }), 'options');
    await rejects(() => publisher.publishAsync('t', 1, no));
  }
  for (const no of [null, 0, 'yes', {}]) invalid(() => new Receiver(NOWHERE, 'r', { details: no }), 'details');
  await publisher.close();
});

test('a component whose constructor throws is closed, and emits nothing later', async () => {
  const wrong = { 'queue.mesages': 3 };
  const free = new PostOffice('tcp://127.0.0.1:*', 'tcp://127.0.0.1:*').start();
  for (let n = 0; n < 100; n++) {
    for (const make of [
      () => new Publisher(NOWHERE, 'p', wrong),
      () => new Receiver(NOWHERE, 'r', { options: wrong }),
      () => new PostOffice(NOWHERE, NOWHERE, { options: wrong }),
      () => new Node('n', { options: wrong }),
    ]) {
      assert.throws(make, { code: 'EOPTION' });
    }
    for (const topics of [3, [3], [null]]) assert.throws(() => new Receiver(NOWHERE, 'r', { topics }), { code: 'EINVAL' });
    await new Promise(setImmediate); // what was to be done later is done
  }
  assert.equal(free.state, 'running');
  await free.close();
});

test('publishMany rejects what publish rejects', () =>
  withCluster({}, async ({ receiver, publisher }) => {
    const circle = {};
    circle.circle = circle;
    const wrong = [undefined, () => 1, Symbol('x'), 1n, { n: 1n }, circle, { toJSON: () => undefined },
      { toJSON: () => { throw new Error('not me'); } }, Object.assign(() => 1, { toJSON: () => undefined })];
    for (const data of wrong) {
      assert.throws(() => publisher.publish('t', data), { code: 'EJSON' });
      assert.throws(() => publisher.publishMany([['t', 1], ['t', data]]), { code: 'EJSON' });
      await assert.rejects(publisher.publishAsync('t', data), { code: 'EJSON' });
    }
    for (const no of [undefined, null, 3, 'ab', {}, () => 1]) invalid(() => publisher.publishMany(no));
    for (const no of [undefined, null, 3, 'ab', {}, () => 1]) invalid(() => publisher.publishMany([no]));
    assert.throws(() => publisher.publishMany([['t']]), { code: 'EJSON' });
    assert.equal(publisher.stats().accepted, 0);
    // And takes what it takes, as it takes it.
    const right = [new Date(0), { toJSON: (key) => [key] }, NaN, [undefined], { a: undefined }, Object('boxed')];
    for (const data of right) publisher.publish('t', data);
    assert.equal(publisher.publishMany(right.map((data) => ['t', data])), right.length);
    assert.equal(publisher.publishMany(new Set()), 0);
    const came = [];
    while (came.length < 2 * right.length) came.push((await receiver.recv(PATIENCE)).data);
    assert.deepEqual(came.slice(right.length), came.slice(0, right.length));
  }));

test('an empty origin is sent, a missing one is the name', () =>
  withCluster({}, async ({ receiver, publisher }) => {
    publisher.publish('t', 1, '');
    publisher.publishText('t', '1', '');
    publisher.publishMany([['t', 1, '']]);
    await publisher.publishAsync('t', 1, { origin: '' });
    for (let n = 0; n < 4; n++) assert.equal((await receiver.recv(PATIENCE)).origin, '');
    for (const none of [undefined, null]) {
      publisher.publish('t', 1, none);
      publisher.publishText('t', Buffer.from('1'), none);
      publisher.publishMany([['t', 1, none]]);
      await publisher.publishAsync('t', 1, { origin: none });
      for (let n = 0; n < 4; n++) assert.equal((await receiver.recv(PATIENCE)).origin, 'p');
    }
  }));

test('one topic or origin may be given without a list', () =>
  withCluster({ receiver: { topics: 'ticks/', origins: 'me' } }, async ({ receiver, publisher }) => {
    publisher.publishMany([['t', 1, 'me'], ['ticks/x', 2], ['ticks/x', 3, 'me']]);
    assert.equal((await receiver.recv(PATIENCE)).data, 3);
  }));
