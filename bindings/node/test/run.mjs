// Runs the test files beside it. A file that hangs fails after LIMIT, with its name.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { run } from 'node:test';
import { dot } from 'node:test/reporters';

const LIMIT = 600_000; // milliseconds

const here = fileURLToPath(new URL('.', import.meta.url));
const files = readdirSync(here)
  .filter((name) => name.endsWith('.test.mjs'))
  .map((name) => join(here, name));
let passed = 0;
let failed = 0;

function tell({ name, details }) {
  failed += 1;
  console.error(`\nfailed: ${name}\n${details.error?.cause?.stack ?? details.error?.message}`);
}

const stream = run({ files, timeout: LIMIT, concurrency: true });
stream.on('test:pass', () => (passed += 1));
stream.on('test:fail', tell);
stream.on('end', () => {
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
});
stream.compose(dot).pipe(process.stdout);
