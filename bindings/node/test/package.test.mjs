// The README's program, and the package for npm.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { ROOT, run, script } from './support.mjs';

const HERE = path.join(ROOT, 'bindings/node');

test('the ten lines of the README', async () => {
  const readme = readFileSync(path.join(HERE, 'README.md'), 'utf8');
  const [, program] = /```js\n([^]*?)```/.exec(readme);
  const [, printed] = /```text\n([^]*?)```/.exec(readme);
  // Ports that no other program uses; otherwise the same program.
  const folder = mkdtempSync(path.join(tmpdir(), 'hermes-'));
  try {
    const elsewhere = program.replaceAll('tcp://127.0.0.1:', `ipc://${folder}/`);
    const { code, out, err } = await script(elsewhere);
    assert.deepEqual({ code, out }, { code: 0, out: printed }, err);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the package works where it is installed', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'hermes-'));
  try {
    const npm = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder];
    const packed = await run('npm', npm, undefined, { cwd: HERE });
    assert.equal(packed.code, 0, packed.err);
    const installed = path.join(folder, 'node_modules/hermes-zmq');
    mkdirSync(installed, { recursive: true });
    const tar = ['xzf', path.join(folder, packed.out.trim()), '-C', installed, '--strip-components=1'];
    assert.equal((await run('tar', tar)).code, 0);
    symlinkSync(path.join(HERE, 'node_modules/koffi'), path.join(folder, 'node_modules/koffi'));
    const env = { ...process.env, HERMES_LIBRARY: path.join(ROOT, 'build/libhermes.so.2') };
    const version = "console.log(version(), typeof Receiver);";
    for (const [type, load] of [
      ['module', "import { version, Receiver } from 'hermes-zmq';"],
      ['commonjs', "const { version, Receiver } = require('hermes-zmq');"],
    ]) {
      const args = [`--input-type=${type}`, '-e', load + version];
      const { out, err } = await run(process.execPath, args, undefined, { cwd: folder, env });
      assert.match(out, /^2\.\d+\.\d+ function\n$/, err);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
