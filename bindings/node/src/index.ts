/** hermes for Node.js. README.md begins with ten lines that work. */
import { library } from './native';

export { codes, HermesError, LoadError, type Code } from './errors';
export { Node, type NodeParts } from './node';
export type { Notice, Option, Options, Stats } from './part';
export { Part } from './part';
export { PostOffice, type PostOfficeOptions } from './postoffice';
export { Publisher, type Item, type PublishOptions } from './publisher';
export { Receiver, type Envelope, type ReceiverOptions } from './receiver';

/** The version of the native library, such as `'2.0.0'`. */
export function version(): string {
  return library().hermes_version_string();
}

/** The library's short text for a code. */
export function strerror(errno: number): string {
  return library().hermes_strerror(errno);
}
