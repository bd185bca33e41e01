/** The codes of hermes.h, by name. */
export const codes = {
  EINVAL: -1,
  EBADHANDLE: -2,
  ESTATE: -3,
  EADDRESS: -4,
  EADDRINUSE: -5,
  EOPTION: -6,
  EUTF8: -7,
  EJSON: -8,
  EFULL: -9,
  ETIMEOUT: -10,
  ESTOPPED: -11,
  EFORKED: -12,
  EINTERNAL: -13,
  ENOMEM: -14,
  ERANGE: -15,
  ETOOBIG: -16,
  ENOTSUP: -17,
  EIO: -18,
  EACCES: -19,
  EAUTH: -20,
} as const;

/** The name of a code, such as `'EFULL'`. */
export type Code = keyof typeof codes;

const names = new Map<number, Code>(Object.entries(codes).map(([name, errno]) => [errno, name as Code]));

/** Thrown by failed calls of this package, or the reason of rejected promises. */
export class HermesError extends Error {
  override readonly name = 'HermesError';
  /** Which error: `'ETIMEOUT'`, `'EADDRINUSE'`, … A code newer than this package is `'E-99'`. */
  readonly code: Code | (string & {});
  /** The number that hermes.h gives it. */
  readonly errno: number;
  /** How many envelopes were taken before `publishMany` failed. */
  count?: number;

  constructor(code: Code | number, text: string) {
    super(text);
    this.errno = typeof code === 'number' ? code : codes[code];
    this.code = typeof code === 'number' ? (names.get(code) ?? `E${code}`) : code;
  }
}

/** The library could not be loaded: `LoadError.message` lists where it was looked for. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
}
