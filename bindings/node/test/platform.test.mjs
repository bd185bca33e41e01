// Which library and which package a platform gets.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { ROOT } from './support.mjs';

const require = createRequire(import.meta.url);
const { advice, hasWakeSockets, libraryName, packageName } = require(path.join(ROOT, 'bindings/node/dist/platform.js'));

test('each platform has its library and its package', () => {
  for (const [system, cpu, library, name] of [
    ['linux', 'x64', 'libhermes.so.2', '@hermes-zmq/linux-x64'],
    ['linux', 'arm64', 'libhermes.so.2', '@hermes-zmq/linux-arm64'],
    ['darwin', 'x64', 'libhermes.2.dylib', '@hermes-zmq/darwin-x64'],
    ['darwin', 'arm64', 'libhermes.2.dylib', '@hermes-zmq/darwin-arm64'],
    ['win32', 'x64', 'hermes.dll', '@hermes-zmq/win32-x64'],
    ['freebsd', 'x64', 'libhermes.so.2', undefined],
    ['linux', 'ia32', 'libhermes.so.2', undefined],
  ]) {
    assert.equal(libraryName(system), library);
    assert.equal(packageName(system, cpu), name);
    assert.ok(advice(system, cpu).includes(name ?? `no package for ${system}-${cpu}`));
    assert.ok(advice(system, cpu).includes(library));
    assert.equal(hasWakeSockets(system), system !== 'win32');
  }
});
