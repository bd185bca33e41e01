import { cString, library, options } from './native';
import { Part, type Options } from './part';

export interface PostOfficeOptions {
  /** An address at which a copy of everything is published. */
  debug?: string;
  /** Options by their names; docs/configuration.md lists them. */
  options?: Options;
}

/**
 * Binds one address for publishers and one for receivers, and relays between them.
 * While it runs it keeps the process alive, as a server does, unless `unref` says no.
 */
export class PostOffice extends Part {
  #alive: NodeJS.Timeout | undefined;
  #kept = true;

  constructor(into: string, out: string, given?: PostOfficeOptions) {
    const addresses = [cString(into, 'the address in'), cString(out, 'the address out')] as const;
    const { debug: copy, options: settings } = options(given, 'the options');
    const debug = copy === undefined ? null : cString(copy, 'the address debug');
    super((made) => library().hermes_postoffice_new(...addresses, debug, made), settings);
  }

  /** Where it serves, with the ports that the system chose. */
  get endpoints(): { in: string; out: string; debug: string } {
    return { in: this.get('endpoint.in'), out: this.get('endpoint.out'), debug: this.get('endpoint.debug') };
  }

  ref(): this {
    this.#kept = true;
    this.#alive?.ref();
    return this;
  }

  unref(): this {
    this.#kept = false;
    this.#alive?.unref();
    return this;
  }

  /** @internal */
  protected override attend(): void {
    super.attend();
    if (this.running && !this.#alive) {
      this.#alive = setInterval(() => undefined, 0x7fffffff);
      if (!this.#kept) this.#alive.unref();
    } else if (!this.running) {
      this.#letGo();
    }
  }

  /** @internal */
  protected override release(): void {
    super.release();
    this.#letGo();
  }

  #letGo(): void {
    clearInterval(this.#alive);
    this.#alive = undefined;
  }
}
