// Compiled, never run: what TypeScript users may write, and what the compiler must refuse.
import { HermesError, Node, PostOffice, Publisher, Receiver, type Code, type Envelope, type ComponentEvent } from 'hermes-zmq';

export async function use(): Promise<void> {
  const office: PostOffice = new PostOffice('tcp://127.0.0.1:*', 'tcp://127.0.0.1:*', { debug: 'ipc:///tmp/x' }).start();
  const publisher = new Publisher(office.endpoints.in, 'p', { 'queue.full': 'block', sequence: false });
  const receiver = new Receiver(office.endpoints.out, 'r', { topics: ['a/'], options: { timeout: 5 } });
  const node = new Node('n', { receiver, publisher });
  publisher.publish('t', { any: ['thing', 1, null] });
  publisher.publishMany([['t', 1], ['t', 2, 'me'], ['t', 3, null]]);
  await publisher.publishAsync('t', 1, { timeout: 5, origin: 'me' });
  const envelope: Envelope | null = await receiver.recv(100);
  // @ts-expect-error it may be null
  envelope.topic;
  // @ts-expect-error data is unknown until you have looked
  envelope?.data.price;
  for await (const { topic, data, ts } of receiver) console.log(topic.length, data, ts.toFixed());
  for await (const { lost } of node) console.log(lost ?? 0);
  const event: ComponentEvent | null = await office.nextEvent();
  console.log(event?.text.length, node.stats().kind.length);
  receiver.on('envelope', ({ data }: Envelope) => console.log(data)).unref();
  // @ts-expect-error a topic is a string
  publisher.publish(1, 1);
  // @ts-expect-error there is no such option of a receiver
  new Receiver('tcp://127.0.0.1:1', 'r', { topic: 'a' });
  const error = new HermesError('EFULL', '');
  const code: Code | (string & {}) = error.code;
  console.log(code, error.errno.toFixed());
}
