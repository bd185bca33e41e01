/*
 * hermes from Node.js.
 *
 * hermes_side.mjs publish  in=ADDRESS  mode=await|event|many
 * hermes_side.mjs receive  out=ADDRESS mode=await|event|many
 */
import { origin, left, MOST, PROBE, Check, publishAll, role, setting, SILENCE, tick, topicOf, waitForEnd } from './side.mjs';

const { Publisher, Receiver } = await import(setting('package'));
const many = setting('mode') === 'many';

async function publish() {
  const publisher = new Publisher(setting('in'), origin).start();
  await publisher.waitReady(SILENCE);
  /** Sends as programs do that must not lose anything: where the queue is full, it waits for room. */
  const send = (topic, data) => {
    try {
      publisher.publish(topic, data);
      return undefined;
    } catch (error) {
      if (error.code !== 'EFULL') throw error;
      return publisher.publishAsync(topic, data, { timeout: SILENCE });
    }
  };
  const sendMany = (first) => {
    const items = Array.from({ length: left(first) }, (_, i) => [topicOf(first + i), tick(first + i)]);
    return finish(items);
  };
  const finish = (items) => {
    try {
      publisher.publishMany(items);
      return undefined;
    } catch (error) {
      if (error.code !== 'EFULL') throw error;
      return new Promise((resolve) => setTimeout(resolve, 1)).then(() => finish(items.slice(error.count)));
    }
  };
  const probe = () => send(topicOf(0), PROBE);
  if (many) await publishAll(sendMany, MOST, probe);
  else await publishAll((n) => send(topicOf(n), tick(n)), 1, probe);
  await waitForEnd();
  await publisher.close();
}

async function receive() {
  const receiver = new Receiver(setting('out'), 'receiver', { options: { on_slow: 'ignore' } }).start();
  const check = new Check();
  if (setting('mode') === 'event') {
    await new Promise((resolve) => {
      receiver.on('envelope', ({ topic, origin: from, data }) => {
        if (check.take(topic, from, data)) resolve();
      });
    });
  } else if (many) {
    for (let done = false; !done; ) {
      const found = await receiver.recvMany(MOST, SILENCE);
      if (found.length === 0) break;
      for (const { topic, origin: from, data } of found) done = check.take(topic, from, data) || done;
    }
  } else {
    for await (const { topic, origin: from, data } of receiver) {
      if (check.take(topic, from, data)) break;
    }
  }
  check.print();
  await waitForEnd();
  await receiver.close();
}

await (role === 'publish' ? publish() : receive());
