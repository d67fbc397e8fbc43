import { createRequire } from 'node:module';
import { arch, platform } from 'node:process';
import { OutOfRangeError, TsbpfError } from '../util/errors.ts';
import { type SyscallName, syscallNumbers } from './numbers.ts';

/**
 * All that this library asks of a foreign-function interface. Tests put a recording fake in its
 * place, and other interfaces can follow.
 */
export interface Native {
  /**
   * syscall(2). Answers as the kernel itself does: the result, or minus the errno.
   * Every argument is a whole number; addresses are below 2^53 on every 64-bit Linux.
   */
  syscall(number: number, a: number, b: number, c: number, d: number, e: number, f: number): number;
  /**
   * Where the bytes lie. The address does not keep them alive: whoever passes it on must hold the
   * buffer until the call is over.
   */
  address(bytes: Uint8Array): number;
  /** Memory that is not of JavaScript's, as bytes; no copy. It must stay mapped while the bytes are used. */
  view(address: number, length: number): Uint8Array;
  /**
   * Calls back from the event loop whenever a descriptor can be read, for as long as it can be read.
   * The callback does not throw. The descriptor stays open until the handle is closed.
   */
  poll(fd: number, ready: () => void): PollHandle;
}

/** A descriptor that the event loop waits for. While it is referenced it keeps the process alive. */
export interface PollHandle {
  ref(): void;
  unref(): void;
  close(): void;
}

let current: Native | undefined;

/** Puts another implementation in place (undefined: the usual one again) and answers with the former one. */
export function setNative(native: Native | undefined): Native | undefined {
  const former = current;
  current = native;
  return former;
}

/**
 * The implementation in use; koffi is loaded at the first call.
 *
 * @throws {TsbpfError} `PLATFORM_UNSUPPORTED`, `KOFFI_MISSING`, `KOFFI_BROKEN`
 */
function native(): Native {
  current ??= loadKoffi();
  return current;
}

/** The implementation in use, for what is remembered of the kernel behind it. @throws {TsbpfError} as the first call would */
export function nativeInUse(): Native {
  return native();
}

function loadKoffi(): Native {
  if (platform !== 'linux') {
    throw new TsbpfError('PLATFORM_UNSUPPORTED', `BPF programs run in Linux, but this is ${platform}`, {
      hint: 'assembling, linking and inspecting work here; loading needs Linux',
    });
  }
  const koffi = requireKoffi();
  // The process's own symbols first: musl has no libc.so.6. Fixed arity: on the two supported
  // architectures a variadic callee reads its integers from the same registers.
  const call = koffi
    .load(null)
    .func('syscall', 'long', ['long', 'int64_t', 'int64_t', 'int64_t', 'int64_t', 'int64_t', 'int64_t']);
  return {
    syscall(number, a, b, c, d, e, f) {
      const result = call(number, a, b, c, d, e, f);
      const errno = result === -1 ? koffi.errno() : 0;
      return errno === 0 ? Number(result) : -errno;
    },
    address: (bytes) => Number(koffi.address(bytes)),
    view: (address, length) => new Uint8Array(koffi.view(BigInt(address), length)),
    poll: (fd, ready) => koffi.node.poll(fd, { readable: true }, ready),
  };
}

function requireKoffi(): typeof import('koffi') {
  try {
    return createRequire(import.meta.url)('koffi') as typeof import('koffi');
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== 'MODULE_NOT_FOUND') {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new TsbpfError(
        'KOFFI_BROKEN',
        `koffi, which carries the system calls, cannot be loaded: ${why}`,
        {
          hint: 'install it anew for this Node and this architecture, and run Node without --no-addons',
          cause,
        },
      );
    }
    throw new TsbpfError('KOFFI_MISSING', 'koffi, which carries the system calls, is not installed', {
      hint: 'npm install koffi (it is an optional dependency, left out by --omit=optional)',
      cause,
    });
  }
}

let numbers: Readonly<Record<SyscallName, number>> | undefined;

/** The number of a system call on this machine. */
export function syscallNumber(name: SyscallName): number {
  numbers ??= syscallNumbers(arch);
  return numbers[name];
}

/** Buffers whose addresses the kernel has right now. */
let inFlight: readonly Uint8Array[] | undefined;

/**
 * A system call by name. `held` are the buffers whose addresses are among the arguments or stand
 * inside other buffers: they stay referenced past the call, which V8 does not promise for a local
 * variable that is never read again.
 *
 * @returns the result, or minus the errno
 */
export function invoke(
  name: SyscallName,
  held: readonly Uint8Array[],
  a = 0,
  b = 0,
  c = 0,
  d = 0,
  e = 0,
  f = 0,
): number {
  const implementation = native();
  // koffi cuts off what does not fit without a word: close(2**40) would close descriptor 0. One by
  // one and not in a loop: the array would cost every map operation some 50 ns.
  checkArgument(name, a);
  checkArgument(name, b);
  checkArgument(name, c);
  checkArgument(name, d);
  checkArgument(name, e);
  checkArgument(name, f);
  inFlight = held;
  const result = implementation.syscall(syscallNumber(name), a, b, c, d, e, f);
  if (inFlight === held) inFlight = undefined;
  return result;
}

function checkArgument(name: SyscallName, value: number): void {
  if (Number.isSafeInteger(value)) return;
  throw new OutOfRangeError(`argument of ${name}`, value, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
}

/** The address of `bytes`, or 0 for an empty or absent buffer, which is how the kernel writes none. */
export function addressOf(bytes: Uint8Array | undefined): number {
  return bytes === undefined || bytes.length === 0 ? 0 : native().address(bytes);
}

/** Mapped memory as bytes. @throws {OutOfRangeError} */
export function viewMemory(address: number, length: number): Uint8Array {
  checkArgument('mmap', address);
  checkArgument('mmap', length);
  return native().view(address, length);
}

/** Handles that are open. One that is collected as garbage stops without a word. */
const polling: Set<PollHandle> = new Set();

/** {@link Native.poll}, unreferenced at first. */
export function pollDescriptor(fd: number, ready: () => void): PollHandle {
  const handle = native().poll(fd, ready);
  handle.unref();
  polling.add(handle);
  return {
    ref: () => handle.ref(),
    unref: () => handle.unref(),
    close() {
      if (polling.delete(handle)) handle.close();
    },
  };
}

export const INT_MAX: number = 2 ** 31 - 1;
export const U32_MAX: number = 2 ** 32 - 1;
