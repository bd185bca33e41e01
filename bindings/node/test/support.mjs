// What the tests share: a cluster on ports that the system chooses, and the guard against hanging.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { PostOffice, Publisher, Receiver } from 'hermes-zmq';

/** How long anything may take before a test calls it dead, in milliseconds. */
export const PATIENCE = 60_000;

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

/** Runs a test with a post office, a receiver and a publisher that are ready, and closes all. */
export async function withCluster(options, test) {
  const office = new PostOffice('tcp://127.0.0.1:*', 'tcp://127.0.0.1:*').start();
  const { in: into, out } = office.endpoints;
  const { options: receiverOptions, ...rest } = options.receiver ?? {};
  const receiver = new Receiver(out, 'r', { options: { on_slow: 'ignore', ...receiverOptions }, ...rest });
  const publisher = new Publisher(into, 'p', options.publisher);
  try {
    receiver.start();
    publisher.start();
    await receiver.waitReady(PATIENCE);
    await publisher.waitReady(PATIENCE);
    await test({ office, receiver, publisher, into, out });
  } finally {
    await Promise.all([publisher.close(), receiver.close()]);
    await office.close();
  }
}

/** Asks until the answer is yes. */
export async function eventually(question, what) {
  const end = Date.now() + PATIENCE;
  while (!(await question())) {
    assert.ok(Date.now() < end, `never came true: ${what ?? question}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Runs a program to its end; resolves to its exit code and what it printed. */
export function run(command, args, onLine = () => undefined, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const guard = setTimeout(() => child.kill('SIGKILL'), 2 * PATIENCE);
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text;
    for (const line of text.split('\n')) if (line) onLine(line);
  });
  child.stderr.setEncoding('utf8').on('data', (text) => (err += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(guard);
      resolve({ code, signal, out, err });
    });
  });
}

/** Runs a script in a separate process. */
export function script(source, options = {}) {
  const { args = [], ...rest } = options;
  const here = path.join(ROOT, 'bindings/node');
  return run(process.execPath, [...args, '--input-type=module', '-e', source], undefined, { cwd: here, ...rest });
}
