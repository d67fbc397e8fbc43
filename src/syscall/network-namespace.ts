import { existsSync, fstatSync, openSync, readdirSync, statSync } from 'node:fs';
import { TsbpfError } from '../util/errors.ts';
import { didYouMean } from '../util/suggest.ts';
import { Errno } from './errno.ts';
import { SyscallError } from './error.ts';
import { explainPermission } from './explain.ts';
import { Fd } from './fd.ts';
import { invoke } from './native.ts';
import { readPrivileges } from './privileges.ts';

/** Linux, `include/uapi/linux/sched.h`. */
const CLONE_NEWNET = 0x40000000;
/** Where `ip netns` keeps the namespaces that have a name. */
const NAMED = '/run/netns';
/** That of the thread that opens it. */
export const OWN_NAMESPACE = '/proc/thread-self/ns/net';

/**
 * Which network namespace: a name of `ip netns`, the id of a process that lives in it, a path such as
 * `/proc/1963/ns/net`, or an open one.
 */
export type NetworkNamespaceRef = string | number | NetworkNamespace;

/**
 * An open network namespace. It lives on for as long as this is open, even where nobody else is in it.
 *
 * @example
 * ```ts
 * using blue = NetworkNamespace.open('blue');
 * const names = blue.run(() => listLinks().map(({ ifname }) => ifname));
 * ```
 */
export class NetworkNamespace implements Disposable {
  /** Its number, as `readlink /proc/self/ns/net` shows it. */
  readonly inode: number;
  readonly fd: Fd;
  /** What opens it again. */
  readonly path: string;

  private constructor(fd: Fd, path: string) {
    this.fd = fd;
    this.path = path;
    this.inode = fstatSync(fd.number).ino;
  }

  /**
   * Opens one by its name, process or path.
   *
   * @throws {TsbpfError} `NETNS_NOT_FOUND` with the names that there are, `NETNS_KIND` where the path is something else
   * @throws {SyscallError} EACCES
   */
  static open(ref: string | number): NetworkNamespace {
    const path = pathOf(ref);
    const what = `network namespace ${typeof ref === 'number' ? `of process ${ref}` : `'${ref}'`}`;
    try {
      return new NetworkNamespace(new Fd(openSync(path, 'r'), what), path);
    } catch (error) {
      throw openError(ref, path, what, error);
    }
  }

  /** The one that this thread is in. */
  static own(): NetworkNamespace {
    return new NetworkNamespace(
      new Fd(openSync(OWN_NAMESPACE, 'r'), 'the network namespace of this thread'),
      OWN_NAMESPACE,
    );
  }

  get what(): string {
    return this.fd.what;
  }

  /**
   * Does something in the namespace. The calling thread is in there for this one synchronous call: no
   * callback, timer or promise of it runs meanwhile, and no other thread is moved, so that nothing but
   * `act` sees a difference. What `act` opens (a socket, a link) belongs to the namespace for ever.
   *
   * @throws {SyscallError} EPERM without CAP_SYS_ADMIN @throws {TsbpfError} `NETNS_KIND`, `NETNS_ASYNC` for a promise
   */
  run<T>(act: () => T): T {
    using own = NetworkNamespace.own();
    if (own.inode === this.inode) return act();
    enter(this);
    let result: T;
    try {
      result = act();
    } finally {
      // A thread that cannot go back would do everything else in there: that must not go unnoticed.
      enter(own);
    }
    if (result instanceof Promise) {
      throw new TsbpfError('NETNS_ASYNC', `what runs in ${this.what} must be synchronous`);
    }
    return result;
  }

  duplicate(): NetworkNamespace {
    return new NetworkNamespace(this.fd.duplicate(), this.path);
  }

  close(): void {
    this.fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Moves the calling thread, for good, as a command does that works in one namespace only. @throws as {@link NetworkNamespace} */
export function enterNetworkNamespace(ref: NetworkNamespaceRef): void {
  if (typeof ref === 'object') enter(ref);
  else {
    using namespace = NetworkNamespace.open(ref);
    enter(namespace);
  }
}

/**
 * Does something in the namespace that `ref` names, or right here. What has to come back later duplicates the
 * namespace that it is given; where `ref` is left out that is undefined.
 */
export function runIn<T>(
  ref: NetworkNamespaceRef | undefined,
  act: (namespace: NetworkNamespace | undefined) => T,
): T {
  if (ref === undefined) return act(undefined);
  if (typeof ref === 'object') return ref.run(() => act(ref));
  using namespace = NetworkNamespace.open(ref);
  return namespace.run(() => act(namespace));
}

/** The paths by which the network namespaces of this machine can be opened, each namespace once, this thread's first. */
export function listNetworkNamespaces(): string[] {
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => `/proc/${pid}/ns/net`);
  const seen = new Set<number>();
  return [OWN_NAMESPACE, ...names().map((name) => `${NAMED}/${name}`), ...processes].filter((path) => {
    try {
      const { ino } = statSync(path);
      if (seen.has(ino)) return false;
      seen.add(ino);
      return true;
    } catch {
      return false; // the process has ended, or is not ours to look at
    }
  });
}

function names(): string[] {
  return existsSync(NAMED) ? readdirSync(NAMED) : [];
}

function pathOf(ref: string | number): string {
  if (typeof ref === 'number' || /^\d+$/.test(ref)) return `/proc/${ref}/ns/net`;
  return ref.includes('/') ? ref : `${NAMED}/${ref}`;
}

function openError(ref: string | number, path: string, what: string, error: unknown): unknown {
  const { code, errno } = error as NodeJS.ErrnoException;
  if (code === undefined || errno === undefined) return error;
  if (code !== 'ENOENT') return new SyscallError({ syscall: 'open', errno: -errno, doing: `open ${what}` });
  const known = path.startsWith(`${NAMED}/`) ? names() : [];
  const there = known.length > 0 ? `; there are: ${known.join(', ')}` : '';
  return new TsbpfError('NETNS_NOT_FOUND', `there is no ${what} (${path})${there}`, {
    hint: typeof ref === 'string' ? didYouMean(ref, known)[0] : undefined,
  });
}

function enter(namespace: NetworkNamespace): void {
  const result = invoke('setns', [], namespace.fd.number, CLONE_NEWNET);
  if (result === 0) return;
  if (result === -Errno.EINVAL)
    throw new TsbpfError('NETNS_KIND', `${namespace.path} is no network namespace`);
  const meaning =
    result === -Errno.EPERM
      ? explainPermission(['CAP_SYS_ADMIN'], { logEmpty: false }, readPrivileges())
      : undefined;
  throw new SyscallError({ syscall: 'setns', errno: -result, doing: `enter ${namespace.what}`, ...meaning });
}
