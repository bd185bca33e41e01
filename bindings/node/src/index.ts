/** hermes for Node.js. README.md begins with ten lines that work. */
import { HermesError } from './errors';
import { library, shown } from './native';

export type { Envelope } from './envelope';
export { codes, HermesError, LoadError, type Code } from './errors';
export { Node, type NodeOptions } from './node';
export type { ComponentEvent, Option, Options, Stats } from './component';
export { Component } from './component';
export { PostOffice, type PostOfficeOptions } from './postoffice';
export { Publisher, type Item, type PublishOptions } from './publisher';
export { Receiver, type ReceiverOptions } from './receiver';

/** The version of the native library, such as `'2.0.0'`. */
export function version(): string {
  return library().hermes_version_string();
}

/** The library's short text for a code. */
export function strerror(errno: number): string {
  if (!Number.isInteger(errno)) throw new HermesError('EINVAL', `the code is ${shown(errno)}, and must be a number`);
  return library().hermes_strerror(errno);
}
