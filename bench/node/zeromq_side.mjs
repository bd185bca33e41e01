/*
 * zeromq.js and JSON, as in a program without hermes.
 *
 * zeromq_side.mjs proxy    in=ADDRESS out=ADDRESS
 * zeromq_side.mjs publish  in=ADDRESS
 * zeromq_side.mjs receive  out=ADDRESS
 */
import { Proxy, Subscriber, XPublisher, XSubscriber } from 'zeromq';
import { origin, PROBE, Check, publishAll, role, setting, SILENCE, tick, topicOf, waitForEnd } from './side.mjs';

const sending = { sendHighWaterMark: 0 };
const receiving = { receiveHighWaterMark: 0 };

async function proxy() {
  const proxy = new Proxy(new XSubscriber(receiving), new XPublisher(sending));
  await proxy.frontEnd.bind(setting('in'));
  await proxy.backEnd.bind(setting('out'));
  proxy.run().catch(() => undefined);
  await waitForEnd();
  process.exit(0);
}

async function publish() {
  const pub = new XPublisher({ sendHighWaterMark: 100_000, noDrop: true, linger: 1000 });
  pub.connect(setting('in'));
  await pub.receive(); // the first subscription
  const send = (topic, data) =>
    pub.send([JSON.stringify(topic), JSON.stringify(origin), JSON.stringify(data), JSON.stringify(Date.now() / 1000)]);
  await publishAll((n) => send(topicOf(n), tick(n)), 1, () => send(topicOf(0), PROBE));
  await waitForEnd();
  process.exit(0);
}

async function receive() {
  const sub = new Subscriber({ ...receiving, receiveTimeout: SILENCE });
  sub.subscribe();
  sub.connect(setting('out'));
  const check = new Check();
  for await (const frames of sub) {
    const [topic, from, data] = frames.map((frame) => JSON.parse(frame));
    if (check.take(topic, from, data)) break;
  }
  check.print();
  await waitForEnd();
  process.exit(0);
}

await { proxy, publish, receive }[role]();
