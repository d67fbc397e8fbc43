import { TsbpfError } from '../util/errors.ts';
import { errnoName, errnoText } from './errno.ts';
import { explainSystem } from './explain-system.ts';

export interface SyscallErrorParts {
  readonly syscall: string;
  /** The command of bpf(2), or what was asked of netlink. */
  readonly command?: string | undefined;
  readonly errno: number;
  /** What was being done, as a noun phrase: `create map 'counts'`. */
  readonly doing: string;
  /** What the errno means for this command, in words. */
  readonly explanation?: string | undefined;
  readonly hint?: string | undefined;
  readonly aboutObject?: boolean | undefined;
  readonly cause?: unknown;
}

/**
 * The kernel refused. `code` is the errno's name, so `error.code === 'ENOENT'` tells; the message
 * says what was being done and what the errno means for that command.
 */
export class SyscallError extends TsbpfError {
  override readonly name: string = 'SyscallError';
  readonly syscall: string;
  readonly command: string | undefined;
  readonly errno: number;
  readonly errnoName: string;
  readonly explanation: string;
  /** EPERM and EACCES: what was named is of another kind or state; more rights would not help. */
  readonly aboutObject: boolean;

  constructor(parts: SyscallErrorParts) {
    const name = errnoName(parts.errno);
    const known = parts.explanation === undefined ? explainSystem(parts.syscall, parts.errno) : undefined;
    const explanation = parts.explanation ?? known?.explanation ?? errnoText(parts.errno);
    const hint = parts.hint ?? known?.hint;
    super(name, `cannot ${parts.doing}: ${explanation} (${name})`, { hint, cause: parts.cause });
    this.syscall = parts.syscall;
    this.command = parts.command;
    this.errno = parts.errno;
    this.errnoName = name;
    this.explanation = explanation;
    this.aboutObject = parts.aboutObject ?? false;
  }

  override toJSON(): Record<string, unknown> {
    const { syscall, command, errno, explanation } = this;
    return { ...super.toJSON(), syscall, ...(command !== undefined && { command }), errno, explanation };
  }
}
