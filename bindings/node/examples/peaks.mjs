// Joins the demo, and prints the maximum of each of its readings: peaks.mjs [ADDRESS]
//
//     make demo SECONDS_OF_DEMO=60 AT="tcp://127.0.0.1:6000 tcp://127.0.0.1:6001"
//
// runs the demo; this program needs the second address. Ends with the demo, or on Ctrl-C.
import { Receiver } from 'hermes-zmq';

const receiver = new Receiver(process.argv[2] ?? 'tcp://127.0.0.1:6001', 'peaks', {
  topics: ['live/'],
  options: { timeout: '10s' }, // a busy machine is no reason to give up
});
receiver.start();
await receiver.waitReady();
console.log('watching');

const peaks = new Map();
let count = 0;
let missing = 0;
for await (const { topic, data, lost } of receiver) {
  count++;
  missing += lost;
  if (topic.startsWith('live/end/')) break;
  // A record is sent as an array: see examples/demo/messages.py.
  const [, , name, value, , unit] = data;
  if (!(peaks.get(name)?.value >= value)) peaks.set(name, { value, unit });
}
for (const [name, { value, unit }] of [...peaks].sort()) {
  console.log(name.padEnd(12), value.toFixed(1).padStart(14), unit);
}
console.log(`${count} envelopes, ${missing} missing`);
await receiver.close();
