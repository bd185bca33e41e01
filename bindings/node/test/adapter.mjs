// Takes the steps of the conformance scenarios: ../../conformance/README.md describes them.
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { HermesError, Node, PostOffice, Publisher, Receiver } from 'hermes-zmq';

/** The default timeout of a step, in milliseconds. */
const PATIENCE = 60_000;

/** How long all members of a cluster may take to be there, compilers and JVMs included. */
const MEETING = 300_000;

const HAS = ['text', 'raw text', 'restart', 'close', 'wait', 'names', 'events', 'nul'];

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const list = (one) => (Array.isArray(one) ? one : one === undefined ? [] : [one]);

function wrong(text) {
  return Object.assign(new Error(text), { code: undefined });
}

/** null and an empty list say that the time is up. */
function inTime(result) {
  if (result === null || result.length === 0) throw new HermesError('ETIMEOUT', 'nothing in time');
  return result;
}

/** Whether `got` contains everything in `want`. */
function contains(want, got) {
  if (Array.isArray(want)) return Array.isArray(got) && want.length === got.length && want.every((w, i) => contains(w, got[i]));
  if (want === null || typeof want !== 'object') return isDeepStrictEqual(want, got);
  return got !== null && typeof got === 'object' && Object.entries(want).every(([key, value]) => contains(value, got[key]));
}

/** One run of a scenario: its objects, and a method for each kind of step. */
class Run {
  objects = new Map();
  tasks = new Map();
  closing = false;

  constructor(details) {
    this.details = details;
  }

  // ---- Steps

  async take(steps, index = 0) {
    for (const [at, step] of steps.entries()) {
      try {
        await this.takeOne(step, index);
      } catch (error) {
        error.place = `step ${at + 1} (${step.do}): ${error.place ?? ''}`;
        throw error;
      }
    }
  }

  async takeOne(step, index) {
    const allowed = list(step.error);
    try {
      await this[step.do](step, index);
    } catch (error) {
      if (error.code === undefined || !allowed.includes(error.code)) throw error;
      if (!error.message.includes(step.says ?? '')) throw wrong(`the text '${error.message}' has no '${step.says}' in it`);
      if (step.hides !== undefined && error.message.includes(step.hides)) throw wrong(`the text '${error.message}' does not hide it`);
      return;
    }
    if (allowed.length > 0 && !allowed.includes('none')) throw wrong(`did not fail with ${allowed.join(' or ')}`);
  }

  async repeat({ times, steps }) {
    for (let index = 0; index < times; index++) await this.take(steps, index);
  }

  async until({ steps }, index) {
    const end = Date.now() + PATIENCE;
    for (;;) {
      try {
        return await this.take(steps, index);
      } catch (error) {
        if (Date.now() > end || this.closing) throw error;
        await sleep(1);
      }
    }
  }

  async try({ steps }, index) {
    await this.take(steps, index);
  }

  spawn({ as, steps }, index) {
    const task = this.take(steps, index);
    task.catch(() => undefined); // join tells
    this.tasks.set(as, task);
  }

  async join({ on }) {
    let timer;
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(wrong('it does not end')), PATIENCE)));
    await Promise.race([this.tasks.get(on), late]).finally(() => clearTimeout(timer));
  }

  async sleep({ ms }) {
    await sleep(ms);
  }

  // ---- Objects

  address(given) {
    return typeof given === 'string' ? given : this.objects.get(given[0]).get(given[1]);
  }

  postoffice({ as, in: into, out, debug }) {
    const options = debug == null ? {} : { debug: this.address(debug) };
    this.objects.set(as, new PostOffice(this.address(into), this.address(out), options));
  }

  publisher({ as, address, name }) {
    this.objects.set(as, new Publisher(this.address(address), name));
  }

  receiver({ as, address, name }) {
    this.objects.set(as, new Receiver(this.address(address), name, { details: this.details }));
  }

  node({ as, name, receiver, publisher }) {
    const component = (key) => (key == null ? null : this.objects.get(key));
    this.objects.set(as, new Node(name, { receiver: component(receiver), publisher: component(publisher) }));
  }

  set({ on, key, value }) {
    this.objects.get(on).set(key, value);
  }

  get({ on, key, expect }) {
    const value = this.objects.get(on).get(key);
    if (value !== expect) throw wrong(`it is '${value}'`);
  }

  start({ on }) {
    this.objects.get(on).start();
  }

  async stop({ on, timeout = PATIENCE }) {
    await this.objects.get(on).stop(timeout);
  }

  async close({ on }) {
    await this.objects.get(on).close();
  }

  async wait({ on, timeout = PATIENCE }) {
    await this.objects.get(on).wait(timeout);
  }

  async wait_ready({ on, timeout = PATIENCE }) {
    await this.objects.get(on).waitReady(timeout);
  }

  subscribe({ on, topic }) {
    this.objects.get(on).subscribe(topic);
  }

  unsubscribe({ on, topic }) {
    this.objects.get(on).unsubscribe(topic);
  }

  accept({ on, origin }) {
    this.objects.get(on).accept(origin);
  }

  // ---- Envelopes

  value({ make, data }, index) {
    if (make === undefined) return data;
    if (make === 'index') return index;
    if (make === 'nonsense') return () => 'a function';
    const text = 'x'.repeat(make[1]);
    return make[0] === 'nan' ? [NaN, text] : text;
  }

  publish(step, index) {
    const { on, topic, make, origin, traceparent } = step;
    const publisher = this.objects.get(on);
    if (traceparent !== undefined) return publisher.publishTraced(topic, this.value(step, index), traceparent, origin);
    // JSON.stringify makes null of NaN.
    const text = make?.[0] === 'nan' ? `[NaN, "${'x'.repeat(make[1])}"]` : step.text;
    if (text !== undefined) publisher.publishText(topic, text, origin);
    else publisher.publish(topic, this.value(step, index), origin);
  }

  publish_many({ on, envelopes, topic, count }) {
    const items = envelopes?.map(([t, origin, data]) => [t, data, origin]);
    this.objects.get(on).publishMany(items ?? Array.from({ length: count }, (_, n) => [topic, n]));
  }

  node_publish(step, index) {
    this.objects.get(step.on).publish(step.channel, this.value(step, index));
  }

  async node_run({ on }) {
    await this.objects.get(on).run();
  }

  async recv({ on, timeout = PATIENCE, expect = {} }, index) {
    const envelope = inTime(await this.objects.get(on).recv(timeout));
    for (const key of ['topic', 'origin', 'lost', 'text']) {
      if (key in expect && expect[key] !== envelope[key]) throw wrong(`${key} is ${JSON.stringify(envelope[key])}`);
    }
    if ('traceparent' in expect && expect.traceparent !== (envelope.traceparent ?? null)) throw wrong(`traceparent is ${envelope.traceparent}`);
    const speaksOfData = 'data' in expect || 'make' in expect;
    if (speaksOfData && !isDeepStrictEqual(this.value(expect, index), envelope.data)) {
      throw wrong(`data is ${JSON.stringify(envelope.data).slice(0, 200)}`);
    }
  }

  node_recv(step, index) {
    return this.recv(step, index);
  }

  async recv_many({ on, max, timeout = PATIENCE, topic, count = 0 }) {
    let took = 0;
    do {
      for (const envelope of inTime(await this.objects.get(on).recvMany(max, timeout))) {
        if (envelope.topic !== topic || envelope.data !== took) {
          throw wrong(`number ${took} is ${JSON.stringify(envelope).slice(0, 200)}`);
        }
        took++;
      }
    } while (took < count);
  }

  async each({ on, steps }, index) {
    for await (const envelope of this.objects.get(on)) {
      if (typeof envelope.topic !== 'string') throw wrong('no envelope');
      await this.take(steps, index);
    }
  }

  // ---- Observing

  async stats({ on, timeout = PATIENCE, expect = {}, sums = [] }) {
    const end = Date.now() + timeout;
    for (;;) {
      const stats = this.objects.get(on).stats();
      for (const [total, ...parts] of sums) {
        if (stats[total] !== parts.reduce((sum, key) => sum + stats[key], 0)) {
          throw wrong(`${total} is not the sum of the others in ${JSON.stringify(stats)}`);
        }
      }
      if (contains(expect, stats)) return;
      if (Date.now() > end) throw wrong(`the counters are ${JSON.stringify(stats)}`);
      await sleep(10);
    }
  }

  async event({ on, timeout = PATIENCE, expect, says = '' }) {
    const end = Date.now() + timeout;
    for (;;) {
      const event = inTime(await this.objects.get(on).nextEvent(Math.max(0, end - Date.now())));
      if (contains(expect ?? {}, event) && event.text.includes(says)) return;
    }
  }

  // ---- The end

  async end() {
    this.closing = true;
    for (const component of [...this.objects.values()].reverse()) await component.close().catch(() => undefined);
  }
}

async function runScenario({ beginnings }, scenario) {
  const line = { runtime: 'node', scenario: scenario.name, ok: true, why: '' };
  const lacks = (scenario.needs ?? []).find((need) => !HAS.includes(need));
  if (lacks !== undefined) return { ...line, lacks };
  const run = new Run((scenario.needs ?? []).includes('text'));
  try {
    await run.take(beginnings[scenario.begin] ?? []);
    await run.take(scenario.steps);
  } catch (error) {
    line.ok = false;
    line.why = `${error.place ?? ''}${error.name} ${error.code ?? ''}: ${error.message}`;
  }
  await run.end();
  return line;
}

async function runScenarios(path, only) {
  const document = JSON.parse(readFileSync(path, 'utf8'));
  let well = true;
  for (const scenario of document.scenarios) {
    if (only !== undefined && scenario.name !== only) continue;
    const line = await runScenario(document, scenario);
    well &&= line.ok;
    console.log(JSON.stringify(line));
  }
  return well;
}

// ---- The cluster

async function joinCluster(into, out, name, count, peers) {
  const line = { runtime: 'node', name, ok: true, received: {}, why: '' };
  const receiver = new Receiver(out, name, { topics: ['conformance/'], options: { on_slow: 'ignore' } });
  const publisher = new Publisher(into, name);
  try {
    receiver.start();
    publisher.start();
    await receiver.waitReady(PATIENCE);
    await publisher.waitReady(PATIENCE);
    await exchange(receiver, publisher, Number(count), peers.split(','), line.received);
  } catch (error) {
    line.ok = false;
    line.why = `${error.name} ${error.code ?? ''}: ${error.message}`;
  }
  await Promise.all([receiver.close(), publisher.close()]);
  console.log(JSON.stringify(line));
  return line.ok;
}

/** Says hello until every member has heard every other, then exchanges numbers. */
async function exchange(receiver, publisher, count, peers, received) {
  const heard = new Set();
  const complete = new Set();
  const all = (set) => peers.every((peer) => set.has(peer));
  for (const peer of peers) received[peer] = 0;
  let last = Date.now();

  receiver.on('envelope', ({ topic, origin, data, lost }) => {
    last = Date.now();
    if (lost > 0) throw wrong(`${lost} of ${topic} are lost`);
    if (topic === 'conformance/hello') {
      heard.add(data.name);
      if (data.complete) complete.add(data.name);
    } else if (data === received[origin]) {
      received[origin]++;
    } else {
      throw wrong(`number ${received[origin]} of ${origin} is ${JSON.stringify(data)}`);
    }
  });
  const failed = new Promise((_, reject) => process.once('uncaughtException', reject));
  const patience = async (ms) => {
    await Promise.race([sleep(ms), failed]);
    if (Date.now() - last > PATIENCE) throw wrong('nothing comes any more');
  };
  failed.catch(() => undefined);

  const hello = () => publisher.publish('conformance/hello', { name: publisher.name, complete: all(heard) });
  const end = Date.now() + MEETING;
  while (!all(complete)) {
    if (Date.now() > end) throw wrong(`heard ${[...heard]}, and of those ${[...complete]} hear all`);
    hello();
    await Promise.race([sleep(50), failed]);
  }
  hello();
  for (let number = 0; number < count; number++) {
    publisher.publish(`conformance/numbers/${publisher.name}`, number);
    if (number % 100 === 99) await patience(0); // let others have their turn
  }
  while (!peers.every((peer) => received[peer] === count)) await patience(10);
}

const [first, ...rest] = process.argv.slice(2);
const well = first === '--cluster' ? await joinCluster(...rest) : await runScenarios(first, ...rest);
process.exit(well ? 0 : 1);
