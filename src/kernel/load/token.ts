import { openSync, readFileSync } from 'node:fs';
import { env } from 'node:process';
import { bpfError } from '../../syscall/bpf.ts';
import { tryTokenCreate } from '../../syscall/bpf-token.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import { Fd } from '../../syscall/fd.ts';
import { inInitialUserNamespace } from '../../syscall/privileges.ts';
import { TsbpfError } from '../../util/errors.ts';

/** Where BPF file systems are usually mounted. */
const USUAL_BPFFS = '/sys/fs/bpf';
/** The path of a BPF file system that libbpf takes from the environment, for programs that know nothing of tokens. */
const PATH_VARIABLE = 'LIBBPF_BPF_TOKEN_PATH';

/** What a load may be given: a token, the path of a BPF file system to make one from, or false for none. */
export type TokenOption = Token | string | false;

/** What a token gives leave for, each as the kernel writes it: `any`, or bits in hexadecimal. */
export interface TokenGrants {
  readonly commands: string;
  readonly mapTypes: string;
  readonly programTypes: string;
  readonly attachTypes: string;
}

const MEANINGS: Readonly<Record<number, { readonly explanation: string; readonly hint: string }>> = {
  [Errno.ENOENT]: {
    explanation: 'this BPF file system delegates nothing',
    hint: 'mount it with delegate_cmds, delegate_maps, delegate_progs and delegate_attachs, from the initial user namespace',
  },
  [Errno.EOPNOTSUPP]: {
    explanation: 'this process is in the initial user namespace, where no token is needed',
    hint: 'tokens are for containers; here the capabilities themselves count',
  },
  [Errno.EPERM]: {
    explanation: 'this process is not in the user namespace of the BPF file system, or lacks CAP_BPF there',
    hint: 'the file system must have been opened (fsopen) by a process of this user namespace',
  },
  [Errno.EINVAL]: {
    explanation: 'this kernel has no BPF tokens, or this is not the root of a BPF file system',
    hint: 'BPF tokens came with Linux 6.9',
  },
  [Errno.EBADF]: {
    explanation: 'the directory was opened for its path only (O_PATH)',
    hint: 'open it for reading',
  },
};

/**
 * A BPF token (Linux 6.9): the leave to load that a BPF file system hands on to a user namespace, as a
 * container has one. Whoever mounts it says with `delegate_*` options what it is for.
 *
 * @example
 * ```ts
 * using token = Token.create('/sys/fs/bpf');
 * using collection = loadCollection(bytes, { token });
 * ```
 */
export class Token {
  readonly fd: Fd;

  constructor(fd: Fd) {
    this.fd = fd;
  }

  /**
   * Makes one from a BPF file system, of which `path` is the root.
   *
   * @throws {TsbpfError} `BPFFS_NOT_FOUND` @throws {SyscallError} ENOENT (nothing is delegated), EPERM, EOPNOTSUPP, EINVAL (before 6.9)
   */
  static create(path: string = USUAL_BPFFS): Token {
    using directory = openDirectory(path);
    const result = tryTokenCreate(directory.number);
    if (result >= 0) return new Token(new Fd(result, `the token of ${path}`));
    const doing = `make a BPF token from ${path}`;
    const meaning = MEANINGS[-result];
    if (!meaning) throw bpfError('TOKEN_CREATE', -result, doing);
    throw new SyscallError({ syscall: 'bpf', command: 'TOKEN_CREATE', errno: -result, doing, ...meaning });
  }

  /** What it gives leave for. */
  grants(): TokenGrants {
    const text = readFileSync(`/proc/self/fdinfo/${this.fd.number}`, 'utf8');
    const of = (name: string): string =>
      new RegExp(`^allowed_${name}:\\s*(\\S+)$`, 'm').exec(text)?.[1] ?? '';
    return {
      commands: of('cmds'),
      mapTypes: of('maps'),
      programTypes: of('progs'),
      attachTypes: of('attachs'),
    };
  }

  close(): void {
    this.fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function openDirectory(path: string): Fd {
  try {
    return new Fd(openSync(path, 'r'), path);
  } catch (cause) {
    throw new TsbpfError('BPFFS_NOT_FOUND', `there is no BPF file system at ${path}`, {
      cause,
      hint: 'mount -t bpf bpf /sys/fs/bpf',
    });
  }
}

/**
 * The token that a load works with. As with libbpf, one that is asked for, by the option or by
 * LIBBPF_BPF_TOKEN_PATH, must be there; an empty path means none. Without either, one is made in a
 * user namespace only, from the usual place, if that is possible.
 *
 * @param own called with a token that is made here
 */
export function tokenFor(option: TokenOption | undefined, own: (token: Token) => Token): Token | undefined {
  const wanted = option ?? env[PATH_VARIABLE];
  if (wanted === false || wanted === '') return undefined;
  if (typeof wanted === 'string') return own(Token.create(wanted));
  if (wanted !== undefined || inInitialUserNamespace()) return wanted;
  try {
    return own(Token.create());
  } catch (error) {
    // The load itself tells what it lacks.
    if (error instanceof TsbpfError) return undefined;
    throw error;
  }
}
