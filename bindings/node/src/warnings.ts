/*
 * Reports connection problems as process warnings (`process.emitWarning`).
 */

/** The first interval between checks, and the longest; it doubles in between. In milliseconds. */
const FIRST = 500;
const EVERY = 5000;

/** The minimum time between two warnings of the same component, in milliseconds. */
const SILENCE = 60_000;

/**
 * Calls `warning` at intervals and emits a non-empty result as a process warning of the type
 * `HermesWarning`, at most once a minute. Its timer does not keep the process alive. Returns
 * a function that stops it.
 */
export function showWarnings(warning: () => string): () => void {
  let pause = FIRST;
  let next = 0;
  let timer: NodeJS.Timeout;
  const look = (): void => {
    const now = performance.now();
    const text = now >= next ? warning() : '';
    if (text !== '') {
      next = now + SILENCE;
      process.emitWarning(text, 'HermesWarning');
    }
    pause = Math.min(2 * pause, EVERY);
    timer = setTimeout(look, pause).unref();
  };
  timer = setTimeout(look, pause).unref();
  return () => clearTimeout(timer);
}
