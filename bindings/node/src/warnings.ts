/*
 * Warnings about connections, shown where Node shows warnings: `process.emitWarning`.
 */

/** How long after a start is looked first, and how often at the least, in milliseconds. */
const FIRST = 500;
const EVERY = 5000;

/** How long the same part is silent after a warning, in milliseconds. */
const SILENCE = 60_000;

/**
 * Shows what `warning` gives, unless that is empty, as a warning of the process: of the type
 * `HermesWarning`, at most once a minute. It keeps no process alive, and ends when the
 * function that it returns is called.
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
