// Publishes each received envelope again: echo.mjs IN OUT NAME FROM TO. The topic FROMrest becomes
// TOrest; the rest "end" is the last.
import { Publisher, Receiver } from 'hermes-zmq';

const [into, out, name, from, to] = process.argv.slice(2);
const receiver = new Receiver(out, name, { topics: [from], details: true, options: { on_slow: 'ignore' } });
const publisher = new Publisher(into, name);
receiver.start();
publisher.start();
for await (const { topic, text } of receiver) {
  const rest = topic.slice(from.length);
  publisher.publishText(to + rest, text);
  if (rest === 'end') break;
}
await publisher.stop(60_000);
await Promise.all([publisher.close(), receiver.close()]);
