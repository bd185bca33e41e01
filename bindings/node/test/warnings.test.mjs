// Connection problems are process warnings, unless the program listens for events.
import assert from 'node:assert/strict';
import test from 'node:test';
import { PostOffice, Publisher, Receiver } from 'hermes-zmq';
import { eventually } from './support.mjs';

const NOWHERE = 'tcp://127.0.0.1:1';

/** Collects the warnings of hermes until the test has ended. */
function collect(t) {
  const shown = [];
  const note = (warning) => warning.name === 'HermesWarning' && shown.push(warning.message);
  process.on('warning', note);
  t.after(() => process.off('warning', note));
  return shown;
}

test('an address that cannot be reached is a warning, once', async (t) => {
  const shown = collect(t);
  const receiver = new Receiver(NOWHERE, 'reader').start();
  t.after(() => receiver.close());
  await eventually(() => shown.length > 0);
  assert.match(shown[0], /^receiver "reader": cannot connect to tcp:\/\/127\.0\.0\.1:1: connection refused/);
  assert.equal(await receiver.recv(3000), null); // time for further looks
  assert.equal(shown.length, 1);
});

test('swapped addresses are named, in the warning and in the error of a wait', async (t) => {
  const shown = collect(t);
  const office = new PostOffice('tcp://127.0.0.1:*', 'tcp://127.0.0.1:*').start();
  const { in: into, out } = office.endpoints;
  const publisher = new Publisher(out, 'writer').start();
  t.after(() => Promise.all([publisher.close(), office.close()]));
  const says = `${out} is the address for receivers; publishers connect to ${into}`;
  await eventually(() => shown.some((text) => text.includes(says)));
  await assert.rejects(publisher.waitReady(10), (error) => error.code === 'ETIMEOUT' && error.message.includes(says));
  assert.ok(publisher.stats().problem.includes(says));
});

test('a program that listens for events gets no warnings, nor does one whose components have stopped', async (t) => {
  const shown = collect(t);
  const listened = new Receiver(NOWHERE, 'listened');
  const kinds = [];
  listened.on('event', (event) => kinds.push(event.kind));
  listened.start();
  const stopped = new Receiver(NOWHERE, 'stopped').start();
  await stopped.stop();
  const last = new Receiver(NOWHERE, 'last').start();
  t.after(() => Promise.all([listened.close(), stopped.close(), last.close()]));
  await eventually(() => shown.length > 0 && kinds.includes('unreachable'));
  assert.ok(shown.every((text) => text.startsWith('receiver "last"')), shown.join('\n'));
});
