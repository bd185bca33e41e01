import { cString, library, options } from './native';
import { Component, type Options } from './component';

export interface PostOfficeOptions {
  /** An address at which a copy of everything is published. */
  debug?: string;
  /** Options by their names; docs/configuration.md lists them. */
  options?: Options;
}

/**
 * A broker: binds one address for publishers and one for receivers, and relays between them.
 * While it runs it keeps the process alive, as a server does, unless `unref` was called.
 */
export class PostOffice extends Component {
  #alive: NodeJS.Timeout | undefined;
  #refed = true;

  constructor(into: string, out: string, given?: PostOfficeOptions) {
    const addresses = [cString(into, 'the address in'), cString(out, 'the address out')] as const;
    const { debug: copy, options: settings } = options(given, 'the options');
    const debug = copy === undefined ? null : cString(copy, 'the address debug');
    super((made) => library().hermes_postoffice_new(...addresses, debug, made), settings);
  }

  /** The bound addresses, with the ports that the system chose. */
  get endpoints(): { in: string; out: string; debug: string } {
    return { in: this.get('endpoint.in'), out: this.get('endpoint.out'), debug: this.get('endpoint.debug') };
  }

  ref(): this {
    this.#refed = true;
    this.#alive?.ref();
    return this;
  }

  unref(): this {
    this.#refed = false;
    this.#alive?.unref();
    return this;
  }

  /** @internal */
  protected override onChange(): void {
    super.onChange();
    if (this.running && !this.#alive) {
      this.#alive = setInterval(() => undefined, 0x7fffffff);
      if (!this.#refed) this.#alive.unref();
    } else if (!this.running) {
      this.#clearTimer();
    }
  }

  /** @internal */
  protected override onClosing(): void {
    super.onClosing();
    this.#clearTimer();
  }

  #clearTimer(): void {
    clearInterval(this.#alive);
    this.#alive = undefined;
  }
}
