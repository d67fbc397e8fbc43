import { checkRange, TsbpfError } from '../util/errors.ts';
import { errnoName, errnoText } from './errno.ts';
import { SyscallError } from './error.ts';
import { INT_MAX, invoke } from './native.ts';

/** F_DUPFD_CLOEXEC (Linux, `include/uapi/linux/fcntl.h`). */
const F_DUPFD_CLOEXEC = 1030;
/** Duplicates never land on stdin, stdout or stderr, even where those are closed. */
const LOWEST_DUPLICATE = 3;

/** A descriptor that is open while tracking is on, and where it was opened. */
export interface OpenDescriptor {
  readonly fd: number;
  readonly what: string;
  readonly stack: string;
}

let tracked: Map<Fd, OpenDescriptor> | undefined;

/** Starts or stops recording the stack that opens each descriptor; tests use it to find leaks. */
export function trackDescriptors(on: boolean): void {
  tracked = on ? new Map() : undefined;
}

/** The descriptors opened since tracking began and not closed yet. */
export function openDescriptors(): OpenDescriptor[] {
  return tracked ? [...tracked.values()] : [];
}

/**
 * A file descriptor with one owner. It is closed once, by its owner, and never by the garbage
 * collector: a prog array empties itself when its last descriptor closes, whatever still uses it.
 */
export class Fd {
  /** What it is, for messages: `map 'counts'`. */
  readonly what: string;
  #number: number;

  constructor(number: number, what: string) {
    this.#number = checkRange('file descriptor', number, 0, INT_MAX);
    this.what = what;
    tracked?.set(this, { fd: number, what, stack: new Error(`opened ${what}`).stack ?? '' });
  }

  get closed(): boolean {
    return this.#number < 0;
  }

  /** The descriptor's number. @throws {TsbpfError} `CLOSED` */
  get number(): number {
    if (this.#number >= 0) return this.#number;
    throw new TsbpfError('CLOSED', `${this.what} is closed`);
  }

  /** Another descriptor of the same thing, for another owner. */
  duplicate(): Fd {
    const result = invoke('fcntl', [], this.number, F_DUPFD_CLOEXEC, LOWEST_DUPLICATE);
    if (result >= 0) return new Fd(result, this.what);
    throw new SyscallError({ syscall: 'fcntl', errno: -result, doing: `duplicate ${this.what}` });
  }

  /** Closes it; a second call does nothing. */
  close(): void {
    if (this.#number < 0) return;
    const number = this.#number;
    // First of all: after close(2) the number may be somebody else's, even where close failed.
    this.#number = -1;
    tracked?.delete(this);
    const result = invoke('close', [], number);
    if (result < 0) {
      throw new TsbpfError(
        'CLOSE_FAILED',
        `closing ${this.what} (descriptor ${number}) failed: ${errnoText(-result)} (${errnoName(-result)})`,
        { hint: 'somebody else closed this number; look for a second owner' },
      );
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
